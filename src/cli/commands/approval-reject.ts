import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { approvalId } from "#cli/program/options.ts";
import { approvalLines } from "#cli/shown/shown-approval.ts";

/** `approval reject ID` */
export const define: Define = (command, run) => {
  command
    .argument("<id>", "its id, or the start of it", approvalId)
    .addHelpText(
      "after",
      helpEnd([["lockstep approval reject 4f2a91c0", "or take back what you asked for"]], ["0 rejected"]),
    )
    .action(
      run(async ({ output, signal, keySide }, id: string) => {
        const { approval } = await (await keySide("custodian")).call("approval.reject", { approval: id }, signal);
        output.print(...approvalLines(approval), "Rejected: it will not be done.");
        output.finish({ approval });
        return exitCodes.done;
      }),
    );
};
