import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { equalBytes, isZero } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import type { DiskTarget } from "#disk/contract.ts";
import { openExistingTarget } from "#disk/existing-target.ts";
import { isThere } from "#disk/is-there.ts";
import { createFileTarget, partialSuffix } from "#disk/new-target.ts";
import { systemErrorName } from "#disk/system-error.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { pointRecord } from "#ops/backup/point-record.ts";
import { countDifferences, requireRoom } from "#ops/restore/fill-target.ts";
import type { RestoreDeps } from "#ops/restore/fill-target.ts";
import { fillNewFile, roomFor } from "#ops/restore/restore-new-file.ts";
import type { DiskPlace, Restored } from "#ops/restore/restore-new-file.ts";
import { parseDiskName } from "#policy/names.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { PointBody } from "#vault/point-body.ts";

/** The file beside the disks that says what they are. */
export const recordName = "point.json";

/**
 * Restores all disks of a point to a folder, each as `NAME.raw`, with `point.json` beside them. The folder is made where
 * there is none.
 *
 * The files get their names when all of them are whole, `point.json` last. A second run goes on with what is there; a disk
 * that had got its name already is compared, and must be what the point holds.
 *
 * @param body  null where it cannot be read: the record then has less in it
 * @throws {LockstepError} TARGET_EXISTS: one of the files, or a partial one of another point; NAME_AMBIGUOUS: the point has
 *   two disks of one name; and what `restoreNewFile` throws
 */
export async function restoreFolder(
  deps: RestoreDeps,
  body: PointBody | null,
  folder: string,
  signal: AbortSignal,
): Promise<readonly Restored[]> {
  const places = folderPlaces(deps.point.disks, folder);
  await requireRoom(`restoring to ${folder}`, await placeOf(folder), roomFor(places));
  await makeFolder(folder);
  await using stack = new AsyncDisposableStack();
  const record = stack.use(await beginRecord(deps, body, folder, places, signal));
  const named = record.resumed ? await alreadyNamed(places) : new Set<string>();

  try {
    const results: Restored[] = [];
    const targets: DiskTarget[] = [];
    for (const { disk, path } of places) {
      if (named.has(path)) results.push(await acceptNamed(deps, disk, path, signal));
      else {
        const target = stack.use(await createFileTarget(path, disk.sizeBytes, { resume: true }, signal));
        results.push(await fillNewFile(deps, disk, target, signal));
        await target.flush(signal);
        targets.push(target);
      }
    }
    for (const target of targets) await target.finish(signal);
    await record.target.finish(signal);
    return results;
  } catch (error) {
    deps.unfinished(folder);
    throw error;
  }
}

/**
 * Where the disks of a point go in a folder.
 *
 * @throws {LockstepError} NAME_AMBIGUOUS: two disks have one name; ARGUMENT_INVALID: a name that cannot be a file's
 */
export function folderPlaces(disks: readonly PointDisk[], folder: string): readonly DiskPlace[] {
  const seen = new Set<string>();
  return disks.map((disk) => {
    const name = parseDiskName(disk.name);
    if (seen.has(name)) {
      throw new LockstepError("NAME_AMBIGUOUS", `restoring to ${folder}: the point has two disks called ${name}`, {
        hint: "Restore them one by one: --disk takes the start of a disk's id too.",
      });
    }
    seen.add(name);
    return { disk, path: join(folder, `${name}.raw`) };
  });
}

/** Something on the file system that a folder is on, or will be. */
export async function placeOf(folder: string): Promise<string> {
  return (await isThere(folder)) ? folder : dirname(folder);
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (systemErrorName(error) !== "EEXIST") throw targetFailure(`making the folder ${folder}`, error);
  }
}

/** The record under its partial name: it also keeps a second restore out of the folder. */
type RecordFile = AsyncDisposable & {
  readonly target: DiskTarget;
  /** An interrupted restore of this very point left it. */
  readonly resumed: boolean;
};

async function beginRecord(
  { log, point }: RestoreDeps,
  body: PointBody | null,
  folder: string,
  places: readonly DiskPlace[],
  signal: AbortSignal,
): Promise<RecordFile> {
  const content = utf8(`${JSON.stringify(pointRecord(log, point, body), null, 2)}\n`);
  const path = join(folder, recordName);
  if (!(await isThere(`${path}${partialSuffix}`))) await refuseNamed(places);
  const target = await createFileTarget(path, content.length, { resume: true }, signal);
  try {
    const found = new Uint8Array(content.length);
    await target.read(0, found, signal);
    const resumed = equalBytes(found, content);
    if (!resumed && !isZero(found)) throw ofAnotherPoint(path);
    if (!resumed) {
      await refuseNamed(places);
      await target.write(0, content, signal);
      await target.flush(signal);
    }
    return { target, resumed, [Symbol.asyncDispose]: async () => target[Symbol.asyncDispose]() };
  } catch (error) {
    await target[Symbol.asyncDispose]();
    throw error;
  }
}

async function refuseNamed(places: readonly DiskPlace[]): Promise<void> {
  const [taken] = await alreadyNamed(places);
  if (taken !== undefined) throw exists(taken);
}

/** Paths of the disks that something has already. */
async function alreadyNamed(places: readonly DiskPlace[]): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for (const { path } of places) if (await isThere(path)) named.add(path);
  return named;
}

/** Makes sure that a disk which had got its name is the point's, and does not write to it. */
async function acceptNamed(deps: RestoreDeps, disk: PointDisk, path: string, signal: AbortSignal): Promise<Restored> {
  try {
    await using target = await openExistingTarget(path, disk.sizeBytes, { assumeRaw: true }, signal);
    if (target.sizeBytes !== disk.sizeBytes || (await countDifferences(deps, disk, target, signal)) > 0) {
      throw exists(path);
    }
  } catch (error) {
    if (isLockstepError(error, "TARGET_TOO_SMALL")) throw exists(path);
    throw error;
  }
  return { disk, path, writtenBytes: 0, incompleteBytes: 0, resumed: true, cutBytes: 0, restBytes: 0 };
}

function exists(path: string): LockstepError {
  return new LockstepError("TARGET_EXISTS", `restoring to ${path}: something of that name exists`, {
    hint: "Name an empty folder, or restore that disk alone with --disk, --to and --in-place.",
  });
}

function ofAnotherPoint(path: string): LockstepError {
  return new LockstepError(
    "TARGET_EXISTS",
    `restoring to ${path}: an interrupted restore of another point left files there`,
    {
      hint: `Name another folder, or delete what ends with ${partialSuffix} in this one.`,
    },
  );
}
