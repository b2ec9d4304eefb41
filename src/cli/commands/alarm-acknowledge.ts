import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { idParser } from "#cli/program/options.ts";

const alarmId = idParser({ of: "an alarm", shownBy: "`lockstep alarm list` has those that nobody acknowledged." });

/** `alarm acknowledge ALARM` */
export const define: Define = (command, run) => {
  command
    .argument("<alarm>", "its id, as `lockstep alarm list` has it", alarmId)
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep alarm acknowledge 3f6b0f3e8d0c4a529d0c6f1f3c1f9b11", "the points were meant to go"]],
        ["0 acknowledged; it changes nothing about what needs what", "66 there is no such alarm"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, alarm: string) => {
        await (await keySide("custodian")).call("alarm.acknowledge", { alarm }, signal);
        output.print("Acknowledged. What fell out of the reports needs its key versions until its quarantine is over.");
        output.finish({ alarm });
        return exitCodes.done;
      }),
    );
};
