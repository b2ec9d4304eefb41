import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { warnOfFaults } from "#cli/machines/unread-machines.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";
import { everyWords } from "#cli/shown/machine-lines.ts";
import { keepOf, shownMachine } from "#cli/shown/shown-machine.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";

/** `machine list` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd([["lockstep machine list", ""]], ["0 listed", "65 the log of a machine cannot be read"]),
    )
    .action(
      run(async ({ output, openVault }) => {
        const vault = await openVault();
        const machines = await vault.machines();
        const rows = machines.logs.map(({ fold: { machine, points } }) => [
          machine.name,
          machine.protected ? "yes" : "no",
          disksInUse(machine)
            .map(({ name }) => name)
            .join(", "),
          String([...points].filter(([, { deleted }]) => deleted === null).length),
          everyWords(machine.everyHours),
          keepOf(machine),
        ]);
        const columns = [
          { title: "MACHINE" },
          { title: "PROTECTED" },
          { title: "DISKS" },
          { title: "POINTS", align: "right" },
          { title: "EVERY" },
          { title: "KEEP" },
        ] as const;
        if (rows.length > 0) output.print(...formatTable(columns, rows));
        else if (machines.faults.length === 0)
          output.note("No machine is protected yet: lockstep protect NAME --disk PATH");
        const status = warnOfFaults(output, machines);
        output.finish({ machines: machines.logs.map(shownMachine) });
        return status ?? exitCodes.done;
      }),
    );
};
