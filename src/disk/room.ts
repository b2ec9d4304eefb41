import { stat, statfs } from "node:fs/promises";

import { systemErrorName } from "#disk/system-error.ts";
import { targetFailure } from "#disk/target-failure.ts";

/** What a file system has left. */
export type Room = {
  readonly freeBytes: number;
  /** It may store bytes in less room than they have, so that `freeBytes` proves nothing. */
  readonly compresses: boolean;
};

/** Btrfs, ZFS and bcachefs (linux/magic.h; OpenZFS zfs_vfsops.c; bcachefs_format.h). */
const compressing: ReadonlySet<number> = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e]);

/**
 * How much a file system has left for this user; root may use what is reserved for it.
 *
 * @param path  anything on it
 * @throws {LockstepError} TARGET_MISSING, TARGET_DENIED
 */
export async function readRoom(path: string): Promise<Room> {
  try {
    const { bsize, bavail, bfree, type } = await statfs(path);
    const blocks = process.geteuid?.() === 0 ? bfree : bavail;
    return { freeBytes: blocks * bsize, compresses: compressing.has(type) };
  } catch (error) {
    throw targetFailure(`looking at the file system of ${path}`, error);
  }
}

/** Bytes that a file takes on its file system; 0 when there is no such file. @throws {LockstepError} TARGET_DENIED */
export async function readAllocated(path: string): Promise<number> {
  try {
    return (await stat(path)).blocks * 512;
  } catch (error) {
    if (systemErrorName(error) === "ENOENT") return 0;
    throw targetFailure(`looking at ${path}`, error);
  }
}
