import { disksInUse, otherDisk } from "#ops/machines/disk-definition.ts";
import { fileOf } from "#ops/machines/file-of.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

/** A disk that another machine has as well. */
export type SharedDisk = {
  readonly disk: DiskDefinition;
  /** The other machine, and what it calls the disk. */
  readonly machine: string;
  readonly name: string;
};

/**
 * Says which disks other machines back up already. They are the same by their id, or on one host by the file that their paths lead to,
 * where it looks like the disk that the other machine knows.
 *
 * @param disks   of one machine
 * @param others  the other machines of the vault; those that are protected no longer do not count
 */
export async function sharedDisks(
  disks: readonly DiskDefinition[],
  others: readonly MachineDefinition[],
): Promise<readonly SharedDisk[]> {
  const known = others
    .filter((machine) => machine.protected)
    .flatMap((machine) => disksInUse(machine).map((disk) => ({ machine: machine.name, disk })));
  const shared: SharedDisk[] = [];
  for (const disk of disks) {
    for (const other of known) {
      if (!(await isSame(other.disk, disk))) continue;
      shared.push({ disk, machine: other.machine, name: other.disk.name });
    }
  }
  return shared;
}

async function isSame(known: DiskDefinition, { host, path, identity }: DiskDefinition): Promise<boolean> {
  const { stableId, kind } = identity;
  if (stableId !== null && known.identity.stableId === stableId) return true;
  if (known.host !== host || (kind !== "file" && kind !== "block")) return false;
  if (otherDisk(known, { ...identity, kind }).length > 0) return false;
  return known.path === path || (await isOneFile(known.path, path));
}

async function isOneFile(path: string, other: string): Promise<boolean> {
  const file = await fileOf(path);
  return file !== null && file === (await fileOf(other));
}
