import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { backup } from "#ops/backup/backup.ts";
import type { BackupOptions, BackupResult, BackupSource } from "#ops/backup/backup.ts";
import { changedRanges } from "#ops/backup/change-list.ts";
import type { ChangeList } from "#ops/backup/change-list.ts";
import { spotCheckRanges } from "#ops/backup/changed-ranges.ts";
import { spotCheckHoles, withoutHoles } from "#ops/check/spot-check.ts";
import { changeMachine } from "#ops/machines/change-machine.ts";
import { withIdentities } from "#ops/machines/machine-edit.ts";
import { openDisks } from "#ops/machines/open-disks.ts";
import type { DiskTerms, OpenedDisk } from "#ops/machines/open-disks.ts";
import { logVolumes, volumesOfDisk } from "#ops/points/log-volumes.ts";
import { newestLive } from "#ops/points/newest-live.ts";
import { readBodyOrNull } from "#ops/points/point-body-or-null.ts";
import { storedMap } from "#ops/volumes/stored-volumes.ts";
import { volumeNotes } from "#ops/volumes/volume-changes.ts";
import type { VolumeNote } from "#ops/volumes/volume-changes.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { Log } from "#vault/log/log.ts";
import type { Vault } from "#vault/vault.ts";

/** Size of the segments that lanes fill. */
const SEGMENT_BYTES = 16 * 1024 * 1024;

/** Below this much to read, threads would cost more than they give. */
const THREADS_FROM_BYTES = 64 * 1024 * 1024;

export type BackupRequest = DiskTerms & {
  readonly skipUnreadable: boolean;
  /** Null: all that is not a hole is compared. */
  readonly changes: ChangeList | null;
  readonly lanes: number;
  readonly checkpointEvery: BackupOptions["checkpointEvery"];
  readonly progress: {
    /** Told once, before the first block is read. */
    begin(totalBytes: number): void;
    advance(bytes: number): void;
  };
};

export type MachineBackup = BackupResult & {
  /** What could not be looked at when the disks' holders were sought, in words. */
  readonly blindSpots: readonly string[];
  /** Warnings about the disks' volumes. */
  readonly volumeNotes: readonly VolumeNote[];
};

/** A disk that is backed up, and how much of it will be read. */
type Planned = { readonly source: BackupSource; readonly bytes: number; readonly warnings: readonly string[] };

/**
 * Takes a recovery point of a machine, from its disks where the definition says they are.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the machine is not protected any longer; RANGES_INVALID, RANGES_WRONG_BASE,
 *   RANGES_UNTRUE: the list of changes; and what `openDisks` and `backup` throw
 */
export async function backupMachine(
  vault: Vault,
  log: Log,
  request: BackupRequest,
  signal: AbortSignal,
): Promise<MachineBackup> {
  const { machine } = await log.read(signal);
  if (!machine.protected) {
    throw new LockstepError("ARGUMENT_INVALID", `machine ${machine.name} is not protected any longer`, {
      hint: `To protect it again: lockstep machine set ${machine.name} --protect`,
    });
  }
  if (request.changes !== null) refuseUnknownDisks(machine, request.changes);
  await using opened = await openDisks(machine, request, signal);
  await acceptIdentities(log, opened.disks, signal);
  const planned: Planned[] = [];
  for (const disk of opened.disks) planned.push(await plan({ vault, log }, disk, request.changes, signal));
  const totalBytes = planned.reduce((sum, { bytes }) => sum + bytes, 0);
  request.progress.begin(totalBytes);
  const options: BackupOptions = {
    lanes: { lanes: request.lanes, threads: totalBytes >= THREADS_FROM_BYTES, segmentBytes: SEGMENT_BYTES },
    changesSince: request.changes?.since ?? null,
    tornOk: request.tornOk,
    skipUnreadable: request.skipUnreadable,
    checkpointEvery: request.checkpointEvery,
    progress: (bytes) => request.progress.advance(bytes),
  };
  const sources = planned.map(({ source }) => source);
  const result = await backup(vault, log, sources, options, signal);
  const unlogged = await logVolumesOf(log, result, signal);
  return {
    ...result,
    warnings: [...planned.flatMap(({ warnings }) => warnings), ...result.warnings, ...unlogged],
    blindSpots: [...new Set(opened.disks.flatMap(({ blindSpots }) => blindSpots))],
    volumeNotes: await notesOf(vault, log, result, signal),
  };
}

/** Logs what of the point is encrypted. The point is there without it: a later check or backup logs it. @returns warnings */
async function logVolumesOf(
  log: Log,
  { point, volumes }: BackupResult,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const disks = point.disks.map(({ disk, name }) => volumesOfDisk(disk, volumes.get(name)));
  try {
    await logVolumes(log, [{ point: point.point, disks }], signal);
    return [];
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return [`what of the point is encrypted could not be logged: ${error.message}`];
  }
}

/** Notes on the volumes of a point's disks, against those of the point that it was compared with. */
async function notesOf(
  vault: Vault,
  log: Log,
  { point, volumes }: BackupResult,
  signal: AbortSignal,
): Promise<readonly VolumeNote[]> {
  const base = point.base === null ? undefined : log.fold.points.get(point.base);
  const body = base === undefined ? null : await readBodyOrNull(vault, log, base, signal);
  return [...volumes].flatMap(([name, found]): readonly VolumeNote[] => {
    const now = storedMap(found);
    const id = point.disks.find((disk) => disk.name === name)?.disk;
    const before = storedMap(body?.disks.find(({ disk }) => disk === id)?.volumes);
    const failed: readonly VolumeNote[] =
      found.failure === null ? [] : [{ code: "VOLUME_DAMAGED", message: `disk ${name}: ${found.failure}` }];
    return now === null ? failed : [...failed, ...volumeNotes(name, before, now)];
  });
}

function refuseUnknownDisks(machine: MachineDefinition, { disks }: ChangeList): void {
  const known = new Set(machine.disks.filter(({ removedAt }) => removedAt === undefined).map(({ name }) => name));
  const other = [...disks.keys()].find((name) => !known.has(name));
  if (other === undefined) return;
  throw new LockstepError(
    "RANGES_INVALID",
    `the changed ranges name a disk ${other}, which ${machine.name} does not have`,
  );
}

async function acceptIdentities(log: Log, disks: readonly OpenedDisk[], signal: AbortSignal): Promise<void> {
  const accepted = disks.flatMap(({ definition, accepted: identity }) =>
    identity === null ? [] : [[definition.id, identity] as const],
  );
  if (accepted.length === 0) return;
  await changeMachine(log, (machine) => withIdentities(machine, new Map(accepted)), signal);
}

async function plan(
  { vault, log }: { readonly vault: Vault; readonly log: Log },
  { definition, source, consistency, torn }: OpenedDisk,
  changes: ChangeList | null,
  signal: AbortSignal,
): Promise<Planned> {
  const common = { definition, consistency, torn };
  const { blockBytes, name } = definition;
  if (changes === null) {
    const { dataBytes, untrueAtBytes } = await spotCheckHoles(source, blockBytes, vault.random, signal);
    if (untrueAtBytes === null) {
      return { source: { ...common, source, changes: { kind: "scan" } }, bytes: dataBytes, warnings: [] };
    }
    const warning = `disk ${name}: byte ${untrueAtBytes} is in a hole and is not zero, so all of the disk is read: ${source.path} is on a file system that does not tell the truth about holes`;
    const whole: BackupSource = { ...common, source: withoutHoles(source), changes: { kind: "scan" } };
    return { source: whole, bytes: source.sizeBytes, warnings: [warning] };
  }
  const point = newestLive(log.fold);
  const disk = point?.disks.find((each) => each.disk === definition.id);
  if (point?.point !== changes.since || disk === undefined) {
    throw new LockstepError(
      "RANGES_WRONG_BASE",
      `disk ${name}: the list of changes starts from point ${changes.since}, the newest is ${point?.point ?? "none"}${point?.point === changes.since ? ", which does not have this disk" : ""}`,
      { hint: "Make a list that starts from the newest point, or back up without one: a scan finds all changes." },
    );
  }
  const size = { sizeBytes: source.sizeBytes, baseSizeBytes: disk.sizeBytes };
  const ranges = changedRanges(changes, definition, size);
  const base = { point: point.point, disk, blockBytes };
  await spotCheckRanges({ vault, log, source }, base, ranges, vault.random, signal);
  const bytes = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return { source: { ...common, source, changes: { kind: "ranges", ranges } }, bytes, warnings: [] };
}
