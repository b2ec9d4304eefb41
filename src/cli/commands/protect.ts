import { resolve } from "node:path";

import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { warnOfShared } from "#cli/machines/warn-of-shared.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { collect, parseEvery } from "#cli/program/options.ts";
import { machineLines } from "#cli/shown/machine-lines.ts";
import { shownMachine } from "#cli/shown/shown-machine.ts";
import { LockstepError } from "#errors/errors.ts";
import { nameDisks, parseTypedDisk } from "#ops/machines/disk-names.ts";
import { protect } from "#ops/machines/protect.ts";
import { formatKeep, parseKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";
import { parseMachineName } from "#policy/names.ts";
import { parseTimeZone } from "#policy/time-zone.ts";

type Options = {
  readonly disk?: readonly string[];
  readonly keep?: KeepRule;
  readonly every?: number;
  readonly timeZone?: string;
};

/** `protect NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "what to call the machine")
    .option("--disk <[name=]path>", "a disk of it: an image file or block device; may be given several times", collect)
    .option("--keep <rule>", "which points to keep, or all; else as configured", parseKeep)
    .option("--every <interval>", "how often a point is expected; else as configured", parseEvery)
    .option("--time-zone <zone>", "where its days and months begin; else as configured", parseTimeZone)
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep protect web01 --disk /images/web01.raw --keep daily=7,weekly=4,monthly=12,yearly=7", ""],
          ["lockstep protect db01 --disk root=/dev/vg/db01 --disk data=/dev/vg/db01-data --every 6h", ""],
        ],
        ["0 protected; nothing is backed up yet", "75 there is a machine of that name"],
      ),
    )
    .action(
      run(async (app, name: string, options: Options) => {
        const { output, host, config, signal } = app;
        const typed = (options.disk ?? []).map(parseTypedDisk);
        if (typed.length === 0) {
          throw new LockstepError("ARGUMENT_INVALID", `protecting ${name}: it has no disk`, {
            hint: `Name its disks: lockstep protect ${name} --disk PATH`,
          });
        }
        const disks = nameDisks(typed, []).map((disk) => ({ ...disk, path: resolve(host.workingFolder, disk.path) }));
        const machine = {
          name: parseMachineName(name),
          disks,
          keep: formatKeep(options.keep ?? config.keep.value),
          everyHours: options.every ?? config.everyHours.value,
          timeZone: options.timeZone ?? config.timeZone.value,
        };
        const opened = await app.openVault();
        const machines = await opened.machines();
        const log = await protect(opened.vault, machines, machine, signal);
        await opened.rememberLog(log);
        await warnOfShared(app, log, log.fold.machine.disks, machines);
        output.print(...machineLines(log), `Nothing is backed up yet: lockstep backup ${name}`);
        output.finish({ machine: shownMachine(log) });
        return exitCodes.done;
      }),
    );
};
