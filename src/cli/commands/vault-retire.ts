import type { ReplyOf } from "#api/routes.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { counted } from "#cli/shown/checked.ts";
import { dryRunOption } from "#cli/steps/what-if.ts";
import { LockstepError } from "#errors/errors.ts";

/** `vault retire VAULT` */
export const define: Define = (command, run) => {
  command
    .argument("<vault>", "a name or an id, as `lockstep vault list` has it")
    .option(...dryRunOption)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep vault retire /backup/vault", "it is gone for good: it need not report any more"],
          ["lockstep vault retire /backup/vault --dry-run", "which versions nothing would need any more"],
        ],
        [
          "0 retired; `vault enrol` takes it back. With --dry-run: it would be, once a second custodian",
          "  approves, where there is one",
          "66 there is no such vault",
          "75 it waits for a second custodian",
        ],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, text: string, { dryRun }: { readonly dryRun?: true }) => {
        const client = await keySide("custodian");
        const { vault } = find((await client.call("vault.list", {}, signal)).vaults, text);
        if (dryRun === true) {
          const foreseen = await client.call("vault.needs", { vault }, signal);
          output.print(...retirementLines(foreseen));
          output.finish({ dryRun: true, vault, ...foreseen });
          return exitCodes.done;
        }
        const { name, points, daysLeft } = await client.call("vault.retire", { vault }, signal);
        output.print(
          `The vault ${name} is retired: it blocks nothing any more.`,
          points === 0
            ? "The key store knew of no recovery points in it."
            : `What ${counted(points, "recovery point")} of it needed is kept for ${counted(daysLeft, "more day")} on which the key side runs.`,
        );
        output.finish({ dryRun: false, vault, name, points, daysLeft });
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

/** What would come of a retirement. */
function retirementLines({ name, points, daysLeft, freed }: ReplyOf<"vault.needs">): string[] {
  const later = `after ${counted(daysLeft, "more day")} on which the key side runs`;
  return [
    points === 0
      ? `The key store knows of no recovery points in the vault ${name}.`
      : `${counted(points, "recovery point")} of the vault ${name} would need nothing any more ${later}.`,
    ...freed.map(
      ({ version, atOnce }) => `Nothing else needs ${version}: it would be free ${atOnce ? "at once" : later}.`,
    ),
    ...(freed.length === 0 ? ["There is no version that this vault alone keeps."] : []),
  ];
}
