import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { shownMachine } from "#cli/shown/shown-machine.ts";
import { changeMachine } from "#ops/machines/change-machine.ts";
import { machineNamed } from "#ops/machines/machines.ts";
import { refuseTakenName } from "#ops/machines/protect.ts";
import { parseMachineName } from "#policy/names.ts";

/** `machine rename OLD NEW` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "the machine's name or id")
    .argument("<new-name>", "what to call it from now on; its points too")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep machine rename web01 shop01", ""]],
        ["0 renamed", "66 there is no such machine", "75 there is a machine of the new name"],
      ),
    )
    .action(
      run(async ({ output, signal, openVault }, name: string, newName: string) => {
        parseMachineName(newName);
        const machines = await (await openVault()).machines();
        const log = machineNamed(machines, name);
        refuseTakenName(machines, newName);
        await changeMachine(log, (machine) => ({ ...machine, name: newName }), signal);
        output.print(`${name} is called ${newName} now, and so are its points.`);
        output.finish({ machine: shownMachine(log) });
        return exitCodes.done;
      }),
    );
};
