import type { ReplyOf } from "#api/routes.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { counted } from "#cli/shown/checked.ts";
import { LockstepError } from "#errors/errors.ts";

/** `vault retire VAULT` */
export const define: Define = (command, run) => {
  command
    .argument("<vault>", "a name or an id, as `lockstep vault list` has it")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep vault retire /backup/vault", "it is gone for good: it need not report any more"]],
        ["0 retired; `vault enrol` takes it back", "66 there is no such vault", "75 it waits for a second custodian"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, text: string) => {
        const client = await keySide("custodian");
        const { vault } = find((await client.call("vault.list", {}, signal)).vaults, text);
        const { name, points, daysLeft } = await client.call("vault.retire", { vault }, signal);
        output.print(
          `The vault ${name} is retired: it blocks nothing any more.`,
          points === 0
            ? "The key store knew of no recovery points in it."
            : `What ${counted(points, "recovery point")} of it needed is kept for ${counted(daysLeft, "more day")} on which the key side runs.`,
        );
        output.finish({ vault, name, points, daysLeft });
        return exitCodes.done;
      }),
    );
};

type KnownVault = ReplyOf<"vault.list">["vaults"][number];

function find(vaults: readonly KnownVault[], text: string): KnownVault {
  const found = vaults.find(({ vault, name }) => vault === text || name === text);
  if (found !== undefined) return found;
  throw new LockstepError("NAME_UNKNOWN", `retiring the vault ${text}: the key store knows no such vault`, {
    hint: "`lockstep vault list` shows those that it knows.",
  });
}
