import { resolve } from "node:path";

import type { App, Expectation } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { warnOfShared } from "#cli/machines/warn-of-shared.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { collect, expectOption, parseEvery } from "#cli/program/options.ts";
import { machineLines } from "#cli/shown/machine-lines.ts";
import { shownMachine } from "#cli/shown/shown-machine.ts";
import { LockstepError } from "#errors/errors.ts";
import { changeMachine } from "#ops/machines/change-machine.ts";
import { defineDisk, disksInUse, readIdentity } from "#ops/machines/disk-definition.ts";
import { nameDisks, parseTypedDisk } from "#ops/machines/disk-names.ts";
import { withDisk, withDiskAt, withoutDisk } from "#ops/machines/machine-edit.ts";
import { confirmClock } from "#ops/prune/confirm-clock.ts";
import { formatKeep, parseKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";
import { parseTimeZone } from "#policy/time-zone.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

type Options = {
  readonly addDisk?: readonly string[];
  readonly removeDisk?: readonly string[];
  readonly disk?: readonly string[];
  readonly acceptChangedDisk?: true;
  readonly keep?: KeepRule;
  readonly every?: number;
  readonly timeZone?: string;
  readonly protect?: true;
  readonly confirmClock?: true;
  readonly expect?: Expectation;
};

type Change = (machine: MachineDefinition) => MachineDefinition;

/** `machine set NAME` */
export const define: Define = (command, run) => {
  command
    .argument("<name>", "the machine's name or id")
    .option("--add-disk <[name=]path>", "one more disk; may be given several times", collect)
    .option("--remove-disk <name>", "back a disk up no longer; its points stay", collect)
    .option("--disk <name=path>", "a disk is at another place now", collect)
    .option("--accept-changed-disk", "also when what is at --disk looks like another disk")
    .option("--keep <rule>", "which points to keep, or all", parseKeep)
    .option("--every <interval>", "how often a point is expected", parseEvery)
    .option("--time-zone <zone>", "where its days and months begin", parseTimeZone)
    .option("--protect", "back it up again, after `machine unprotect`")
    .option("--confirm-clock", "a person looked: the dates of its points, and this host's clock, are right")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep machine set web01 --keep daily=14,monthly=24 --every 12h", ""],
          ["lockstep machine set web01 --add-disk data=/images/web01-data.raw", ""],
          ["lockstep machine set web01 --disk root=/images/new/web01.raw", "the disk was moved there"],
        ],
        ["0 changed", "66 there is no such machine or disk", "75 a disk does not look like the one it was"],
      ),
    )
    .action(
      run(async (app, name: string, options: Options) => {
        const { output, signal, now } = app;
        const vault = await app.openVault();
        const log = await vault.machine(name, options.expect);
        const before = log.fold.machine;
        const changes = await changesOf(app, before, options);
        if (changes.length === 0 && options.confirmClock !== true) {
          throw new LockstepError("ARGUMENT_INVALID", `changing machine ${name}: nothing says what to change`, {
            hint: "`lockstep machine set --help` lists what can be changed.",
          });
        }
        if (changes.length > 0) {
          await changeMachine(log, (machine) => changes.reduce((changed, change) => change(changed), machine), signal);
        }
        if (options.confirmClock === true) await confirmClock(log, now(), signal);
        const placed = placedDisks(before, log.fold.machine);
        if (placed.length > 0) await warnOfShared(app, log, placed, await vault.machines());
        output.print(...machineLines(log));
        output.finish({ machine: shownMachine(log) });
        return exitCodes.done;
      }),
    );
};

/** Disks that a machine did not have before, or had elsewhere, or that are backed up again. */
function placedDisks(before: MachineDefinition, after: MachineDefinition): readonly DiskDefinition[] {
  const known = new Map((before.protected ? disksInUse(before) : []).map(({ id, path }) => [id, path]));
  return after.protected ? disksInUse(after).filter(({ id, path }) => known.get(id) !== path) : [];
}

/** Looks at the disks, and gives the change of the definition, whatever that is by then. */
async function changesOf(app: App, machine: MachineDefinition, options: Options): Promise<Change[]> {
  const { host, now, random, signal } = app;
  const at = (path: string): string => resolve(host.workingFolder, path);
  const changes: Change[] = [];
  const names = disksInUse(machine).map(({ name }) => name);
  for (const { name, path } of nameDisks((options.addDisk ?? []).map(parseTypedDisk), names)) {
    const disk = await defineDisk({ name, path: at(path) }, { host: host.name, now, random }, signal);
    changes.push((before) => withDisk(before, disk));
  }
  for (const text of options.disk ?? []) {
    const { name, path } = parseTypedDisk(text);
    if (name === null) {
      throw new LockstepError("ARGUMENT_INVALID", `"${text}" does not say which disk is there`, {
        hint: "Write --disk NAME=PATH, or --add-disk for one more disk.",
      });
    }
    const place = { path: at(path), host: host.name, identity: await readIdentity(at(path), signal) };
    changes.push((before) => withDiskAt(before, name, place, options.acceptChangedDisk === true));
  }
  for (const name of options.removeDisk ?? []) changes.push((before) => withoutDisk(before, name, now()));
  const { keep, every: everyHours, timeZone } = options;
  if (keep !== undefined) changes.push((before) => ({ ...before, keep: formatKeep(keep) }));
  if (everyHours !== undefined) changes.push((before) => ({ ...before, everyHours }));
  if (timeZone !== undefined) changes.push((before) => ({ ...before, timeZone }));
  if (options.protect === true) changes.push((before) => ({ ...before, protected: true }));
  return changes;
}
