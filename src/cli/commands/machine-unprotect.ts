import type { Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { expectOption } from "#cli/program/options.ts";
import { counted } from "#cli/shown/checked.ts";
import { shownMachine } from "#cli/shown/shown-machine.ts";
import { changeMachine } from "#ops/machines/change-machine.ts";

/** `machine unprotect NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "the machine's name or id")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep machine unprotect web01", "its points stay, and are kept by its rule"]],
        ["0 it is backed up no longer", "66 there is no such machine"],
      ),
    )
    .action(
      run(async ({ output, signal, openVault }, name: string, { expect }: { readonly expect?: Expectation }) => {
        const log = await (await openVault()).machine(name, expect);
        await changeMachine(log, (machine) => ({ ...machine, protected: false }), signal);
        const points = [...log.fold.points].filter(([, { deleted }]) => deleted === null).length;
        output.print(
          `${log.fold.machine.name} is backed up no longer. Its keep rule still applies to its ${counted(points, "recovery point")}.`,
          `To take it back: lockstep machine set ${log.fold.machine.name} --protect`,
        );
        output.finish({ machine: shownMachine(log), points });
        return exitCodes.done;
      }),
    );
};
