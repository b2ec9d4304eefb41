import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";

import { type WriteCounters, blockDeviceFolder, readWriteCounters } from "#linux/block-device.ts";
import { deviceNumber } from "#linux/device-number.ts";

/** What shows that somebody wrote since the watch began, in words; null when nothing does. */
export type WriteWatch = (signal: AbortSignal) => Promise<string | null>;

/**
 * Begins to watch an open file or block device for writes. Flush it first, or a write from before may show up as one
 * from after, and a page that is dirty and mapped may be written once more without a sign.
 *
 * Cannot see: a write in the same clock tick as the look at a file (kernels before 6.13), writes of other hosts to
 * shared storage, writes to a device that lies below a device, a device whose counting is switched off (`findHolders`
 * names that one).
 */
export async function watchWrites(file: FileHandle): Promise<WriteWatch> {
  const before = await file.stat({ bigint: true });
  if (!before.isBlockDevice()) {
    return async () => compareFile(before, await file.stat({ bigint: true }));
  }
  const folder = await blockDeviceFolder(deviceNumber(before.rdev));
  const counters = folder === null ? null : await readWriteCounters(folder);
  return async (signal) => {
    // Writes that went through the page cache count only once they reach the device.
    await file.datasync();
    signal.throwIfAborted();
    return compareDevice(counters, folder === null ? null : await readWriteCounters(folder));
  };
}

type FileTimes = Pick<BigIntStats, "size" | "mtimeNs" | "ctimeNs">;

/** Compares two looks at a file. */
export function compareFile(before: FileTimes, after: FileTimes): string | null {
  if (before.size !== after.size) return `its size went from ${before.size} to ${after.size} bytes`;
  if (before.mtimeNs !== after.mtimeNs) return "it was written to (its modification time moved)";
  if (before.ctimeNs !== after.ctimeNs) return "it was changed (its change time moved)";
  return null;
}

/** Compares two looks at a device's counters. */
export function compareDevice(before: WriteCounters | null, after: WriteCounters | null): string | null {
  if (before === null || after === null) return after === before ? null : "the device went away or was replaced";
  if (before.sectors !== after.sectors) return `it was written to (${after.sectors - before.sectors} sectors)`;
  if (before.inFlight > 0n || after.inFlight > 0n) return "writes to it were under way";
  return null;
}
