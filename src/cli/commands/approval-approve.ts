import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { approvalId } from "#cli/program/options.ts";
import { approvalLines } from "#cli/shown/shown-approval.ts";

/** `approval approve ID` */
export const define: Define = (command, run) => {
  command
    .argument("<id>", "its id, or the start of it", approvalId)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep approval approve 4f2a91c0", "it can be done now, once, by whoever asked"]],
        ["0 approved", "77 you asked for it yourself"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, id: string) => {
        const { approval } = await (await keySide("custodian")).call("approval.approve", { approval: id }, signal);
        output.print(
          ...approvalLines(approval),
          `Approved: ${approval.askedBy} can do it now, by asking for the same again.`,
        );
        output.finish({ approval });
        return exitCodes.done;
      }),
    );
};
