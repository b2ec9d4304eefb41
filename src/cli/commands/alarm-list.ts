import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatTable } from "#cli/output/table.ts";

/** `alarm list` */
export const define: Define = (command, run) => {
  command
    .addHelpText("after", helpEnd([["lockstep alarm list", "those that nobody acknowledged yet"]], ["0 listed"]))
    .action(
      run(async ({ output, signal, keySide }) => {
        const { alarms } = await (await keySide("custodian")).call("alarm.list", {}, signal);
        const rows = alarms.map(({ alarm, vaultName, machineName, raisedAt, missing, points }) => [
          alarm,
          raisedAt,
          `${missing} of ${points} points of ${machineName} fell out of the reports of ${vaultName}, or are to go much sooner`,
        ]);
        output.print(...formatTable([{ title: "ALARM" }, { title: "RAISED" }, { title: "WHAT" }], rows));
        output.finish({ alarms });
        return exitCodes.done;
      }),
    );
};
