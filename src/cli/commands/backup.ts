import { resolve } from "node:path";

import { Option } from "commander";

import type { App, Expectation, OpenVault } from "#cli/app/app.ts";
import { helpEnd } from "#cli/app/command.ts";
import type { Define } from "#cli/app/command.ts";
import { readFailure } from "#cli/files/read-failure.ts";
import { readTextFile } from "#cli/files/text-file.ts";
import { warnOfFaults } from "#cli/machines/unread-machines.ts";
import { reportOf } from "#cli/output/errors.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { formatBytes } from "#cli/output/units.ts";
import { expectOption } from "#cli/program/options.ts";
import { backupLine } from "#cli/shown/backup-line.ts";
import { lightWords, warnOfRed } from "#cli/shown/light-words.ts";
import { shownLight } from "#cli/shown/shown-light.ts";
import { shownPoint } from "#cli/shown/shown-point.ts";
import { LockstepError } from "#errors/errors.ts";
import { backupMachine } from "#ops/backup/backup-machine.ts";
import type { MachineBackup } from "#ops/backup/backup-machine.ts";
import { parseChangeList } from "#ops/backup/change-list.ts";
import type { ChangeList } from "#ops/backup/change-list.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import { machineNamed } from "#ops/machines/machines.ts";
import { namesOfPoints } from "#ops/points/find-point.ts";
import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import type { Log } from "#vault/log/log.ts";

/** More than two million ranges. */
const changeListLimit = 64 * 1024 * 1024;

type Options = {
  readonly all?: true;
  readonly tornOk?: true;
  readonly snapshot?: "reflink";
  readonly changedRanges?: string;
  readonly acceptChangedDisk?: true;
  readonly skipUnreadable?: true;
  readonly expect?: Expectation;
};

/** `backup NAME... | --all` */
export const define: Define = (command, run) => {
  command
    .argument("[names...]", "machines")
    .option("--all", "all protected machines whose disks are on this host")
    .option("--torn-ok", "take a disk that is being written to, and mark the point as torn")
    .addOption(new Option("--snapshot <how>", "freeze the disks first, where the file system can").choices(["reflink"]))
    .option("--changed-ranges <file>", "read only what this list says has changed: docs/changed-ranges.md")
    .option("--accept-changed-disk", "take a disk that looks like another one, and know it by that from now on")
    .option("--skip-unreadable", "record sectors that cannot be read as such, instead of failing")
    .addOption(expectOption())
    .addHelpText(
      "after",
      helpEnd(
        [
          ["lockstep backup web01", ""],
          ["lockstep backup --all --quiet", "for a timer"],
          ["lockstep backup web01 --snapshot reflink", "while it runs, on XFS or Btrfs"],
        ],
        [
          "0 taken",
          "3 taken, and torn, with sectors that could not be read, or with no key that opens it",
          "75 a disk is in use, or another one",
        ],
      ),
    )
    .action(
      run(async (app, names: readonly string[], options: Options) => {
        refuseOddCombinations(names, options);
        const changes = await readChanges(app, options.changedRanges);
        const vault = await app.openVault({ cacheNodes: true });
        const { logs, status: found } = await chosen(app, vault, names, options);
        const results: object[] = [];
        let status: ExitCode = found;
        for (const target of logs) {
          const isOneOfMany = logs.length > 1;
          const { result, status: one } = await backUpOne(app, vault, { ...target, isOneOfMany }, options, changes);
          results.push(result);
          status = worse(status, one);
          if (app.signal.aborted) break;
        }
        app.output.finish({ machines: results });
        return status;
      }),
    );
};

function refuseOddCombinations(names: readonly string[], { all, changedRanges, expect }: Options): void {
  const wrong = (why: string, hint: string): LockstepError => new LockstepError("ARGUMENT_INVALID", why, { hint });
  if (all === true && names.length > 0) throw wrong("backing up: --all and names are both there", "Give one of them.");
  if (all !== true && names.length === 0) {
    throw wrong("backing up: nothing says which machine", "Name machines, or give --all.");
  }
  if ((changedRanges !== undefined || expect !== undefined) && names.length !== 1) {
    throw wrong("backing up: --changed-ranges and --expect are for one machine", "Name that one.");
  }
}

async function readChanges({ host, signal }: App, file: string | undefined): Promise<ChangeList | null> {
  if (file === undefined) return null;
  try {
    return parseChangeList(await readTextFile(resolve(host.workingFolder, file), changeListLimit, signal), file);
  } catch (error) {
    if (signal.aborted) throw error;
    throw readFailure(`reading the changed ranges ${file}`, "RANGES_INVALID", error);
  }
}

/** A machine to be backed up, or why it cannot be. */
type Target = { readonly name: string; readonly log: Log | LockstepError };

async function chosen(
  app: App,
  vault: OpenVault,
  names: readonly string[],
  { all, expect }: Options,
): Promise<{ readonly logs: readonly Target[]; readonly status: ExitCode }> {
  const [only] = names;
  if (expect !== undefined && only !== undefined) {
    return { logs: [{ name: only, log: await vault.machine(only, expect) }], status: exitCodes.done };
  }
  const machines = await vault.machines();
  if (all === true) {
    const isHere = (log: Log): boolean => disksInUse(log.fold.machine).some(({ host }) => host === app.host.name);
    const logs = machines.logs.filter((log) => log.fold.machine.protected && isHere(log));
    if (logs.length === 0) app.output.note("No protected machine has its disks on this host.");
    const status = warnOfFaults(app.output, machines) ?? exitCodes.done;
    return { logs: logs.map((log) => ({ name: log.fold.machine.name, log })), status };
  }
  const logs = [...new Set(names)].map((name): Target => {
    try {
      return { name, log: machineNamed(machines, name) };
    } catch (error) {
      if (error instanceof LockstepError) return { name, log: error };
      throw error;
    }
  });
  return { logs, status: exitCodes.done };
}

/** The first failure stays; without one, what is not green outranks what is done. */
function worse(before: ExitCode, now: ExitCode): ExitCode {
  const isFailure = (status: ExitCode): boolean => status >= exitCodes.invalid;
  return isFailure(before) || (before !== exitCodes.done && !isFailure(now)) ? before : now;
}

async function backUpOne(
  app: App,
  vault: OpenVault,
  { name, log, isOneOfMany }: Target & { readonly isOneOfMany: boolean },
  options: Options,
  changes: ChangeList | null,
): Promise<{ readonly result: object; readonly status: ExitCode }> {
  const { output } = app;
  try {
    if (log instanceof LockstepError) throw log;
    await using _lock = await vault.lockMachine(log.machine, name);
    const startedMs = performance.now();
    const done = await takePoint(app, vault, log, options, changes);
    const tookMs = performance.now() - startedMs;
    app.progress.stop();
    const pointName = namesOfPoints(log).get(done.point.point) ?? done.point.point;
    for (const message of done.warnings) output.warn({ code: "BACKUP_WARNING", message: `${name}: ${message}` });
    for (const { code, message } of done.volumeNotes) output.warn({ code, message: `${name}: ${message}` });
    const called = done.point.consistency === "crash" ? ", so the point is called crash, not offline" : "";
    for (const words of done.blindSpots) {
      const message = `${name}: not everything that may hold its disks was seen: ${words}${called}`;
      output.warn({ code: "HOLDERS_UNSEEN", message });
    }
    const isGreen = sayWhatIsNot(app, name, done);
    const { light, hasKeySide } = await tryKeys(app, vault, log, done);
    const words = light === null ? "gone" : lightWords(light, hasKeySide, app.now());
    output.print(`${backupLine(pointName, done.point, tookMs)} · ${words}`);
    const { resumed, healedSlots, blindSpots } = done;
    const result = {
      machine: name,
      point: shownPoint(done.point, pointName),
      tookMs: Math.round(tookMs),
      resumed,
      healedSlots,
      blindSpots,
      light: light === null ? null : shownLight(light),
    };
    const isRed = light?.light === "red";
    return { result: { ...result, error: null }, status: isGreen && !isRed ? exitCodes.done : exitCodes.notGreen };
  } catch (error) {
    if (app.signal.aborted || !(error instanceof LockstepError)) throw error;
    const { code, kind, message, hint, exitCode } = reportOf(error);
    output.complain(error, isOneOfMany ? name : null);
    return { result: { machine: name, point: null, error: { code, kind, message, hint } }, status: exitCode };
  } finally {
    app.progress.stop();
  }
}

/** Tells the key side of the new point, and has it opened. The point is taken whatever comes of it. */
async function tryKeys(
  app: App,
  opened: OpenVault,
  log: Log,
  { point: { point } }: MachineBackup,
): Promise<{ readonly light: PointLight | null; readonly hasKeySide: boolean }> {
  const { output, signal } = app;
  const { name } = log.fold.machine;
  const { stepMachine } = await import("#cli/steps/in-step.ts");
  let hasKeySide = true;
  try {
    ({ hasKeySide } = await stepMachine(app, opened, log, [point], { anew: false, progress: () => {} }));
  } catch (error) {
    if (signal.aborted || !(error instanceof LockstepError)) throw error;
    const { code, message, hint } = error;
    output.warn({
      code,
      message: `${name}: the point is taken, and what opens it could not be logged: ${message}`,
      hint,
    });
  }
  const state = log.fold.points.get(point);
  const light = state === undefined ? null : pointLights(log.fold, app.now())(state);
  if (light !== null) warnOfRed(output, [{ name, light }]);
  return { light, hasKeySide };
}

function takePoint(
  { config, host, progress, signal }: App,
  { vault }: OpenVault,
  log: Log,
  options: Options,
  changes: ChangeList | null,
): Promise<MachineBackup> {
  const request = {
    host: host.name,
    tornOk: options.tornOk === true,
    snapshot: options.snapshot ?? null,
    acceptChanged: options.acceptChangedDisk === true,
    skipUnreadable: options.skipUnreadable === true,
    changes,
    lanes: config.lanes.value,
    checkpointEvery: { minutes: config.checkpointMinutes.value, bytes: config.checkpointGib.value * 2 ** 30 },
    progress: {
      begin: (totalBytes: number) => progress.start(totalBytes, log.fold.machine.name),
      advance: (bytes: number) => progress.advance(bytes),
    },
  };
  return backupMachine(vault, log, request, signal);
}

/** Warns of what makes a point less than green. @returns true when nothing does */
function sayWhatIsNot({ output }: App, name: string, { point, unreadable, torn }: MachineBackup): boolean {
  if (point.consistency === "torn") {
    const whys = [...torn].map(([disk, why]) => `${disk}: ${why}`).join("; ");
    output.warn({
      code: "POINT_TORN",
      message: `${name}: the point is torn: its disks may have been written to while they were read (${whys})`,
      hint: "Shut the machine down, or use --snapshot, and back it up again.",
    });
  }
  for (const [disk, ranges] of unreadable) {
    if (ranges.length === 0) continue;
    const bytes = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    output.warn({
      code: "DISK_UNREADABLE",
      message: `${name}: ${formatBytes(bytes)} of disk ${disk} could not be read, and are recorded as missing`,
      hint: "Replace the medium; a later backup may read them.",
    });
  }
  return point.consistency !== "torn" && point.unreadableBytes === 0;
}
