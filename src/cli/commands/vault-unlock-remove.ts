import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { refuseReadOnly } from "#cli/app/read-only.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { shownWay } from "#cli/shown/shown-way.ts";
import { LockstepError } from "#errors/errors.ts";
import { findWays, removeUnlockWay } from "#ops/unlock/unlock-ways.ts";
import { listWays } from "#vault/keyring/keyring.ts";
import type { WayInfo } from "#vault/keyring/unlock-way.ts";

/** `vault unlock remove WAY` */
export const define: Define = (command, run) => {
  command
    .argument("<way>", "its name, or the start of its id")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep vault unlock remove 'host old01'", ""]],
        ["0 removed", "66 there is no such unlock way", "75 it is the last one"],
      ),
    )
    .action(
      run(async ({ output, signal, openVault, keyringDeps: deps }, text: string) => {
        const vault = await openVault();
        refuseReadOnly(vault, "removing an unlock way");
        const way = theWay(listWays(vault.keyring), text);
        const { logs } = await vault.machines();
        const keyring = { store: vault.vault.store, opened: vault.keyring, deps };
        const removed = await removeUnlockWay(keyring, logs, way, signal);
        await vault.rememberKeyring(removed.keyring);
        for (const message of removed.warnings) output.warn({ code: "LOG_NOT_TOLD", message });
        output.print(
          `Removed ${JSON.stringify(way.label)}. What is written from now on is sealed with a new data key.`,
          "What was written before stays readable to whoever kept the old way and has a copy of the vault as it was.",
          "To seal it anew, for copies that are made later: lockstep vault rekey",
          `What still opens the vault: ${listWays(removed.keyring)
            .map(({ label }) => label)
            .join(", ")}`,
        );
        const { generation } = removed.keyring.keyring;
        output.finish({ unlockWay: shownWay(way), generation, dataKey: removed.keyring.keys.currentEpoch });
        return exitCodes.done;
      }),
    );
};

/** @throws {LockstepError} NAME_UNKNOWN, NAME_AMBIGUOUS */
function theWay(ways: readonly WayInfo[], text: string): WayInfo {
  const [way, other] = findWays(ways, text);
  if (way === undefined) {
    throw new LockstepError("NAME_UNKNOWN", `removing an unlock way: there is no ${JSON.stringify(text)}`, {
      hint: "See `lockstep vault unlock list`.",
    });
  }
  if (other === undefined) return way;
  throw new LockstepError("NAME_AMBIGUOUS", `removing an unlock way: several ids start with ${text}`, {
    hint: "Write more of it.",
  });
}
