import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";

/** `vault list` */
export const define: Define = (command, run) => {
  command
    .addHelpText("after", helpEnd([["lockstep vault list", "those that the key store knows"]], ["0 listed"]))
    .action(
      run(async ({ output, signal, keySide }) => {
        const { vaults } = await (await keySide("custodian")).call("vault.list", {}, signal);
        const rows = vaults.map(({ name, reporter, lastReportAt, retiredAt, silent, machines, points }) => [
          name,
          reporter,
          lastReportAt === null ? "never" : `${lastReportAt.slice(0, 16)}Z`,
          String(machines),
          String(points),
          retiredAt !== null ? "retired" : (silent ?? ""),
        ]);
        const columns = [
          { title: "VAULT" },
          { title: "REPORTER" },
          { title: "LAST REPORT" },
          { title: "MACHINES", align: "right" },
          { title: "POINTS", align: "right" },
          {},
        ] as const;
        output.print(...formatTable(columns, rows));
        output.finish({ vaults });
        return exitCodes.done;
      }),
    );
};
