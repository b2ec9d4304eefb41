import { stat } from "node:fs/promises";

import { diskOpenFailure } from "#disk/open-failure.ts";
import { openDisk } from "#disk/open.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { LockstepError } from "#errors/errors.ts";
import { volumeSource } from "#ops/volumes/volume-source.ts";
import { inspect } from "#volume/inspect.ts";
import type { Inspection } from "#volume/inspect.ts";

/** A disk that was looked at, or why it could not be. */
export type ScannedDisk =
  | { readonly path: string; readonly inspection: Inspection; readonly failure: null }
  | { readonly path: string; readonly inspection: null; readonly failure: LockstepError };

/** What a scan looks at: images and devices, in the order in which they were named. */
export type ScanPlan = { readonly paths: readonly string[]; readonly skipped: readonly string[] };

/**
 * Finds what paths name: a folder stands for the images in it, three levels deep.
 *
 * @throws {LockstepError} DISK_MISSING, DISK_DENIED: a path that was named
 */
export async function planScan(paths: readonly string[], signal: AbortSignal): Promise<ScanPlan> {
  const found = new Set<string>();
  const skipped: string[] = [];
  for (const path of paths) {
    if (!(await isFolder(path))) {
      found.add(path);
      continue;
    }
    const { findDisks } = await import("#disk/watch-folders.ts"); // loaded only where a folder is named
    const inFolder = await findDisks([path], signal);
    for (const disk of inFolder.disks) found.add(disk.path);
    skipped.push(...inFolder.skipped);
  }
  return { paths: [...found], skipped };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw diskOpenFailure(path, error);
  }
}

/**
 * Looks at one disk and hands it to `use` while it is open. Reads little of it, and writes nothing.
 *
 * A disk that cannot be looked at is a failure of that disk: a scan goes on.
 *
 * @throws {LockstepError} CANCELLED, and what `use` throws
 */
export async function scanDisk<Result>(
  path: string,
  use: (disk: ScannedDisk) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  let disk: Awaited<ReturnType<typeof openDisk>>;
  try {
    disk = await openDisk(path, {}, signal);
  } catch (error) {
    if (!isLockstepError(error) || error.code === "CANCELLED") throw error;
    return use({ path, inspection: null, failure: error });
  }
  await using opened = disk;
  let inspection: Inspection;
  try {
    inspection = await inspect(volumeSource(opened), signal);
  } catch (error) {
    if (!isLockstepError(error, "DISK_UNREADABLE", "DISK_IN_USE")) throw error;
    return await use({ path, inspection: null, failure: error });
  }
  return await use({ path, inspection, failure: null });
}
