import { dirname, join } from "node:path";

import { openExistingTarget } from "#disk/existing-target.ts";
import { isThere } from "#disk/is-there.ts";
import { partialSuffix } from "#disk/new-target.ts";
import { LockstepError } from "#errors/errors.ts";
import { countDifferences, measureRoom } from "#ops/restore/fill-target.ts";
import type { RestoreDeps } from "#ops/restore/fill-target.ts";
import { folderPlaces, placeOf, recordName } from "#ops/restore/restore-folder.ts";
import { roomFor } from "#ops/restore/restore-new-file.ts";
import type { DiskPlace } from "#ops/restore/restore-new-file.ts";
import type { PointDisk } from "#vault/entry/entry.ts";

/** What a restore would do with one disk. */
export type PlannedDisk = DiskPlace & {
  readonly way: "new file" | "go on with a partial file" | "in place";
  /** In place: bytes of blocks that differ and would be written; else null. */
  readonly differentBytes: number | null;
  /** Bytes of a file that is longer than the disk, to be cut off. */
  readonly cutBytes: number;
  /** Bytes of a device behind the disk's end, to be left as they are. */
  readonly restBytes: number;
};

export type RestorePlan = {
  readonly disks: readonly PlannedDisk[];
  /** On the file system of the target; null for a device. */
  readonly room: Awaited<ReturnType<typeof measureRoom>> | null;
};

/** Says what `restoreFolder` would do. @throws {LockstepError} TARGET_EXISTS, NAME_AMBIGUOUS */
export async function planFolder(deps: RestoreDeps, folder: string): Promise<RestorePlan> {
  const places = folderPlaces(deps.point.disks, folder);
  const record = join(folder, recordName);
  await refuseExisting(record);
  const goesOn = await isThere(`${record}${partialSuffix}`);
  const disks = [];
  for (const place of places) {
    if (!goesOn) await refuseExisting(place.path);
    disks.push(await newFile(place));
  }
  return { disks, room: await measureRoom(await placeOf(folder), roomFor(places)) };
}

/** Says what `restoreNewFile` would do. @throws {LockstepError} TARGET_EXISTS, TARGET_MISSING: no such folder */
export async function planNewFile(place: DiskPlace): Promise<RestorePlan> {
  await refuseExisting(place.path);
  return { disks: [await newFile(place)], room: await measureRoom(dirname(place.path), roomFor([place])) };
}

/**
 * Says what `restoreInPlace` would do: reads all of the target, and writes nothing.
 *
 * @throws {LockstepError} what `openExistingTarget` and `countDifferences` throw
 */
export async function planInPlace(
  deps: RestoreDeps,
  disk: PointDisk,
  path: string,
  signal: AbortSignal,
): Promise<RestorePlan> {
  await using target = await openExistingTarget(path, disk.sizeBytes, {}, signal);
  const surplusBytes = target.sizeBytes - disk.sizeBytes;
  const isFile = target.kind === "file";
  const differentBytes = await countDifferences(deps, disk, target, signal);
  return {
    disks: [
      {
        disk,
        path,
        way: "in place",
        differentBytes,
        cutBytes: isFile ? surplusBytes : 0,
        restBytes: isFile ? 0 : surplusBytes,
      },
    ],
    room: isFile ? await measureRoom(path, [{ dataBytes: disk.dataBytes, paths: [path] }]) : null,
  };
}

async function newFile(place: DiskPlace): Promise<PlannedDisk> {
  const goesOn = (await isThere(place.path)) || (await isThere(`${place.path}${partialSuffix}`));
  const way = goesOn ? "go on with a partial file" : "new file";
  return { ...place, way, differentBytes: null, cutBytes: 0, restBytes: 0 };
}

async function refuseExisting(path: string): Promise<void> {
  if (!(await isThere(path))) return;
  throw new LockstepError("TARGET_EXISTS", `restoring to ${path}: something of that name exists`, {
    hint: "Name a new file or folder, or restore a disk in place, with --in-place, to overwrite what is there.",
  });
}
