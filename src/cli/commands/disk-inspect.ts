import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatBytes } from "#cli/output/units.ts";
import { mapLines } from "#cli/shown/shown-volume.ts";
import { scanDisk } from "#ops/volumes/scan-disks.ts";

/** `disk inspect PATH` */
export const define: Define = (command, run) => {
  command
    .argument("<path>", "an image or a block device")
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep disk inspect web01.raw", "partitions, volumes, protectors, warnings"],
          ["lockstep disk inspect /dev/vg/web01 --json", "with identities and header ranges"],
        ],
        ["0 all of it could be looked at", "2 some of it is damaged or could not be"],
      ),
    )
    .action(
      run(async ({ output, host, signal }, path: string) => {
        const look = resolve(host.workingFolder, path);
        const { map, failures } = await scanDisk(
          look,
          ({ inspection, failure }) => (failure === null ? Promise.resolve(inspection) : Promise.reject(failure)),
          signal,
        );
        const hints = [...failures].flatMap(([name, { hint }]) =>
          hint === undefined ? [] : [`hint: ${name}: ${hint}`],
        );
        output.print(...mapLines(path, map), ...hints, `${formatBytes(map.readBytes)} of it were read.`);
        output.finish({ path: look, map });
        return map.volumes.every(({ failure }) => failure === null) ? exitCodes.done : exitCodes.attention;
      }),
    );
};
