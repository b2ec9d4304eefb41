import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";

/** `audit accept --reason TEXT` */
export const define: Define = (command, run) => {
  command
    .requiredOption("--reason <text>", "why it was put back, for the audit log")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep audit accept --reason 'restored from last night, the disk was broken'", ""]],
        ["0 it goes on", "64 it was not put back", "75 it waits for a second custodian"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, { reason }: { readonly reason: string }) => {
        const { epoch } = await (await keySide("custodian")).call("audit.accept", { reason }, signal);
        output.print(
          `The key store goes on as epoch ${epoch}. It releases and destroys nothing until every vault has reported.`,
          "Look at what was done since the state that it was put back to: identities that were revoked, holds, versions that were",
          "added, deleted or said to be compromised. A copy that is newer than this state has them: `lockstep recover`.",
        );
        output.finish({ epoch });
        return exitCodes.done;
      }),
    );
};
