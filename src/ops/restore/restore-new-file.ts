import { dirname } from "node:path";

import { createFileTarget, partialSuffix } from "#disk/new-target.ts";
import type { NewFileTarget } from "#disk/new-target.ts";
import { fillTarget, requireRoom } from "#ops/restore/fill-target.ts";
import type { measureRoom, RestoreDeps } from "#ops/restore/fill-target.ts";
import type { PointDisk } from "#vault/entry/entry.ts";

/** A disk that was restored. */
export type Restored = {
  readonly disk: PointDisk;
  readonly path: string;
  /** Bytes that were written; fewer than the disk has where zeros need no writing or much was right already. */
  readonly writtenBytes: number;
  /** Bytes in blocks that the source could not read in full when the point was taken. */
  readonly incompleteBytes: number;
  /** It went on with what an interrupted restore had left. */
  readonly resumed: boolean;
  /** Bytes of a file that was longer than the disk, now cut off. */
  readonly cutBytes: number;
  /** Bytes of a device behind the disk's end, left as they were. */
  readonly restBytes: number;
};

/**
 * Restores a disk of a point to a new file, sparse where the disk is zeros. Until it is whole it lies beside its name,
 * under one that says so; a second run goes on with that, and trusts none of it.
 *
 * @throws {LockstepError} TARGET_EXISTS, TARGET_FULL (before anything is written where that is certain), and what
 *   `createFileTarget` and `restoreDisk` throw
 */
export async function restoreNewFile(
  deps: RestoreDeps,
  disk: PointDisk,
  path: string,
  signal: AbortSignal,
): Promise<Restored> {
  await requireRoom(`restoring to ${path}`, dirname(path), roomFor([{ disk, path }]));
  await using target = await createFileTarget(path, disk.sizeBytes, { resume: true }, signal);
  try {
    const restored = await fillNewFile(deps, disk, target, signal);
    await target.finish(signal);
    return restored;
  } catch (error) {
    deps.unfinished(target.partialPath);
    throw error;
  }
}

/** Writes all of a new file; it does not get its name yet. */
export async function fillNewFile(
  deps: RestoreDeps,
  disk: PointDisk,
  target: NewFileTarget,
  signal: AbortSignal,
): Promise<Restored> {
  const { resumed, path } = target;
  const { writtenBytes, incompleteBytes } = await fillTarget(deps, disk, target, resumed, signal);
  return { disk, path, writtenBytes, incompleteBytes, resumed, cutBytes: 0, restBytes: 0 };
}

/** A disk of a point, and the file that it becomes. */
export type DiskPlace = { readonly disk: PointDisk; readonly path: string };

/** What new files will take, for `measureRoom`; partial ones have some of it. */
export function roomFor(places: readonly DiskPlace[]): Parameters<typeof measureRoom>[1] {
  return places.map(({ disk, path }) => ({ dataBytes: disk.dataBytes, paths: [path, `${path}${partialSuffix}`] }));
}
