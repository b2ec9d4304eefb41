import { findDisks } from "#disk/watch-folders.ts";
import type { FoundDisk } from "#disk/watch-folders.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import { fileOf } from "#ops/machines/file-of.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";

export type Unprotected = {
  readonly disks: readonly FoundDisk[];
  /** What could not be looked at, in words. */
  readonly skipped: readonly string[];
};

/**
 * The disks in watched folders that no machine backs up from this host. Files are compared, not paths: one that is
 * protected by another name or link is protected.
 *
 * @param host  this host's name; paths of other hosts mean nothing here
 */
export async function findUnprotected(
  folders: readonly string[],
  machines: readonly MachineDefinition[],
  host: string,
  signal: AbortSignal,
): Promise<Unprotected> {
  if (folders.length === 0) return { disks: [], skipped: [] };
  const known = new Set<string>();
  for (const machine of machines.filter((each) => each.protected)) {
    for (const disk of disksInUse(machine)) {
      if (disk.host === host) known.add((await fileOf(disk.path)) ?? disk.path);
    }
  }
  const { disks, skipped } = await findDisks(folders, signal);
  const unknown: FoundDisk[] = [];
  for (const disk of disks) {
    if (!known.has((await fileOf(disk.path)) ?? disk.path)) unknown.push(disk);
  }
  return { disks: unknown, skipped };
}
