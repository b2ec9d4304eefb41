import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { counted } from "#cli/shown/checked.ts";
import { rewrapWarnings } from "#cli/shown/rewrap-warnings.ts";

/** `keystore unlock remove WAY` */
export const define: Define = (command, run) => {
  command
    .argument("<way>", "its name or id")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep keystore unlock remove 'host old01'", "and rolls over the key store's own keys"]],
        [
          "0 removed",
          "3 removed, and some value is damaged",
          "66 there is no such unlock way",
          "75 it is the last one, or waits for a second person",
        ],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, way: string) => {
        const client = await keySide("custodian");
        const { seal, values, damaged, notErased } = await client.call("store.removeSeal", { seal: way }, signal);
        output.print(
          `Removed ${JSON.stringify(seal.label)}. ${counted(values, "value")} wrapped anew.`,
          "A copy of the database that somebody made before stays open to whoever kept the old way.",
        );
        for (const warning of rewrapWarnings(damaged, notErased)) output.warn(warning);
        output.finish({ unlockWay: seal, values, damaged, notErased });
        return damaged.length === 0 ? exitCodes.done : exitCodes.notGreen;
      }),
    );
};
