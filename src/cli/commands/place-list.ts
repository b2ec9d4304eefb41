import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { placeTable } from "#cli/shown/place-table.ts";

/** `place list` */
export const define: Define = (command, run) => {
  command
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep place list", ""]],
        ["0 listed", "2 fewer than two failure domains have all that is in the store"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }) => {
        const { epoch, domains, places, damaged } = await (await keySide("custodian")).call("copy.list", {}, signal);
        output.print(...placeTable(places));
        if (domains < 2) output.print("Fewer than two failure domains have all: add a place elsewhere.");
        for (const version of damaged) output.print(`All newer copies lack ${version}: its value is damaged.`);
        output.finish({ epoch, domains, places, damaged });
        return domains < 2 || damaged.length > 0 ? exitCodes.attention : exitCodes.done;
      }),
    );
};
