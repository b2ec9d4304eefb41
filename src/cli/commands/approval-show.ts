import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { approvalId } from "#cli/program/options.ts";
import { approvalLines } from "#cli/shown/shown-approval.ts";

/** `approval show ID` */
export const define: Define = (command, run) => {
  command
    .argument("<id>", "its id, or the start of it", approvalId)
    .addHelpText(
      "after",
      helpEnd([["lockstep approval show 4f2a91c0", "the very act that would be done"]], ["0 shown"]),
    )
    .action(
      run(async ({ output, signal, keySide }, id: string) => {
        const { approval } = await (await keySide("custodian")).call("approval.show", { approval: id }, signal);
        output.print(...approvalLines(approval));
        output.finish({ approval });
        return exitCodes.done;
      }),
    );
};
