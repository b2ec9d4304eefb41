import type { Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { expectOption } from "#cli/program/options.ts";
import { machineLines } from "#cli/shown/machine-lines.ts";
import { shownMachine } from "#cli/shown/shown-machine.ts";

/** `machine show NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "the machine's name or id")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep machine show web01", ""],
          ["lockstep machine show web01 --expect any", "takes an older copy of the vault as the right one"],
        ],
        ["0 shown", "65 its log cannot be read, or is older than this host has seen it", "66 there is no such machine"],
      ),
    )
    .action(
      run(async ({ output, openVault }, name: string, { expect }: { readonly expect?: Expectation }) => {
        const log = await (await openVault()).machine(name, expect);
        const machine = shownMachine(log);
        output.print(...machineLines(log), `head     ${machine.head}`);
        output.finish({ machine });
        return exitCodes.done;
      }),
    );
};
