import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { counted } from "#cli/shown/checked.ts";
import { rewrapWarnings } from "#cli/shown/rewrap-warnings.ts";

/** `keystore rekey` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep keystore rekey", "rolls over the key store's own keys; versions stay as they are"]],
        ["0 every value is wrapped by the new key", "3 some is damaged, and stays as it was"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }) => {
        const { values, damaged, notErased } = await (await keySide("custodian")).call("store.rekey", {}, signal);
        output.print(`${counted(values, "value")} wrapped anew, by a new wrapping key under a new root key.`);
        for (const warning of rewrapWarnings(damaged, notErased)) output.warn(warning);
        output.finish({ values, damaged, notErased });
        return damaged.length === 0 ? exitCodes.done : exitCodes.notGreen;
      }),
    );
};
