import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";

/** `approval list` */
export const define: Define = (command, run) => {
  command
    .option("--all", "also those that are done, rejected or expired")
    .addHelpText("after", helpEnd([["lockstep approval list", "what waits for a second person"]], ["0 listed"]))
    .action(
      run(async ({ output, signal, keySide }, { all }: { readonly all?: true }) => {
        const found = await (await keySide("custodian")).call("approval.list", {}, signal);
        const approvals = found.approvals.filter(
          ({ state }) => all === true || state === "waiting" || state === "approved",
        );
        const rows = approvals.map(({ id, act, subject, askedBy, askedAt, state }) => [
          id.slice(0, 8),
          act,
          subject,
          askedBy,
          askedAt,
          state,
        ]);
        const titles = ["APPROVAL", "ACT", "OF", "ASKED BY", "ASKED", "STATE"];
        output.print(
          ...formatTable(
            titles.map((title) => ({ title })),
            rows,
          ),
        );
        output.finish({ approvals });
        return exitCodes.done;
      }),
    );
};
