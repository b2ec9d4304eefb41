import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { policyLines } from "#cli/shown/shown-policy.ts";

/** `policy show` */
export const define: Define = (command, run) => {
  command
    .addHelpText("after", helpEnd([["lockstep policy show", "docs/key-side.md explains each"]], ["0 shown"]))
    .action(
      run(async ({ output, signal, keySide }) => {
        const { policy } = await (await keySide("custodian")).call("policy.show", {}, signal);
        output.print(...policyLines(policy));
        output.finish({ policy });
        return exitCodes.done;
      }),
    );
};
