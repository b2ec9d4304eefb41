import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { headerOptions, headerToPresent } from "#cli/headers/header-options.ts";
import type { HeaderFlags } from "#cli/headers/header-options.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { boundLines, nextLine } from "#cli/shown/bound-lines.ts";

/** `key bind VERSION PATH`, `key bind VERSION --point POINT` */
export const define: Define = (command, run) => {
  command.argument("<version>", "such as web01/v1").argument("[path]", "an image or a block device: the live disk");
  headerOptions(command)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep key bind web01/v1 /dev/vg/web01", "tries it on the live header"],
          ["lockstep key bind web01/v1 web01.raw --volume 2", ""],
          ["lockstep key bind web01/v1 --point web01@2026-11-23", "after UUID and protector were compared"],
        ],
        [
          "0 it opens the volume, and is bound",
          "77 it does not open it",
          "75 it may not be used, or too many points were tried",
        ],
      ),
    )
    .action(
      run(async (app, version: string, path: string | undefined, flags: HeaderFlags) => {
        const { output, signal, keySide } = app;
        const { shown, machine, ...presented } = await headerToPresent(app, path, flags);
        const client = await keySide("custodian");
        const bound = await client.call("key.bind", { version, ...presented }, signal);
        output.print(...boundLines(shown, bound));
        output.note(nextLine(machine));
        output.finish(bound);
        return exitCodes.done;
      }),
    );
};
