import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";

/** `keystore seal` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd([["lockstep keystore seal", "no value can be used until it is opened again"]], ["0 it is sealed"]),
    )
    .action(
      run(async ({ output, signal, keySide }) => {
        await (await keySide("custodian")).call("store.seal", {}, signal);
        output.print("The key store is sealed. Backups go on, and nothing is proved or released.");
        output.finish({ sealed: true });
        return exitCodes.done;
      }),
    );
};
