import { resolve } from "node:path";

import type { Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { machinesToSearch } from "#cli/machines/machines-to-search.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { formatBytes } from "#cli/output/units.ts";
import { expectOption } from "#cli/program/options.ts";
import { LockstepError } from "#errors/errors.ts";
import { findPoint } from "#ops/points/find-point.ts";
import { findPointDisk } from "#ops/points/stored-disk.ts";
import { exportHeader } from "#ops/volumes/export-header.ts";
import { readBody } from "#vault/point-body.ts";

type Options = { readonly disk?: string; readonly volume?: string; readonly to: string; readonly expect?: Expectation };

/** `point header POINT --to FILE` */
export const define: Define = (command, run) => {
  command
    .argument("<point>", "web01, web01@2026-11-23, or the start of an id")
    .requiredOption("--to <file>", "a new file for the header")
    .option("--disk <name>", "the disk, where the point has several")
    .option("--volume <name>", "the volume, where the disk has several that are encrypted")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep point header web01@2026-11-23 --to web01.header", "the only encrypted volume"],
          ["lockstep point header web01 --disk data --volume 2 --to data.header", ""],
        ],
        ["0 written"],
      ),
    )
    .action(
      run(async (app, text: string, { disk, volume, to, expect }: Options) => {
        const { output, signal, host } = app;
        const opened = await app.openVault();
        const { log, point, name } = findPoint(await machinesToSearch(opened, text, expect), text);
        const [only, another] = point.disks;
        if (disk === undefined && another !== undefined) {
          throw new LockstepError("ARGUMENT_INVALID", "the point has several disks, and nothing says which", {
            hint: `Give --disk with one of ${point.disks.map((each) => each.name).join(", ")}.`,
          });
        }
        const chosen = disk === undefined && only !== undefined ? only : findPointDisk(point, disk ?? "");
        const body = await readBody(opened.vault, log.machine, point, signal);
        const volumes = body.disks.find((each) => each.disk === chosen.disk)?.volumes;
        const path = resolve(host.workingFolder, to);
        const written = await exportHeader(volumes, volume ?? null, path, signal);
        output.print(
          `${name}, disk ${chosen.name}, volume ${written.volume}: ${formatBytes(written.headerBytes)} of header written to ${to}`,
        );
        output.finish({ point: { id: point.point, name }, disk: chosen.name, ...written, path });
        return exitCodes.done;
      }),
    );
};
