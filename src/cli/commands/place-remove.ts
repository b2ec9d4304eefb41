import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { folderOf } from "#cli/files/place.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";

/** `place remove PLACE` */
export const define: Define = (command, run) => {
  command
    .argument("<place>", "as `lockstep place list` shows it")
    .addHelpText(
      "after",
      helpEnd([["lockstep place remove /mnt/old/vault", ""]], ["0 no more copies go there", "66 none went there"]),
    )
    .action(
      run(async ({ output, signal, keySide, host }, given: string) => {
        const place = resolve(host.workingFolder, folderOf(given));
        await (await keySide("custodian")).call("place.remove", { place }, signal);
        output.print(
          `No more copies of the key store go to ${place}.`,
          "Those that are there stay: whoever has them and the kit can read them.",
        );
        output.finish({ place });
        return exitCodes.done;
      }),
    );
};
