import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";

/** `copy make` */
export const define: Define = (command, run) => {
  command
    .option("--full", "a full copy, whatever there is")
    .addHelpText(
      "after",
      helpEnd(
        [["lockstep copy make", "now, and not in a second"]],
        ["0 each place that can be reached has all", "69 no place has all, or one that can be reached fails"],
      ),
    )
    .action(
      run(async ({ output, signal, keySide }, { full = false }: { readonly full?: boolean }) => {
        const client = await keySide("custodian");
        const { written, places } = await client.call("copy.make", { full }, signal);
        output.print(
          written === null
            ? "Nothing changed since the newest copy."
            : `Wrote copy ${written.number} (${written.kind}) and read it back.`,
          ...places.map(({ place, failure }) => `${place}: ${failure === null ? "has all" : `failed: ${failure}`}`),
        );
        output.finish({ written, places });
        return exitCodes.done;
      }),
    );
};
