import { disksInUse } from "#ops/machines/disk-definition.ts";
import { scanDisk } from "#ops/volumes/scan-disks.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";

/** A disk as its host reaches it, and whose it is. */
export type DiskOfMachine = { readonly machine: string; readonly disk: string; readonly path: string };

/**
 * The disks of this host that have a volume right now, whatever they are called. Reads headers only; passes over a disk that cannot be
 * looked at.
 *
 * @param machines  of a vault
 * @param host      the name of this one
 * @param identity  of the volume
 * @throws {LockstepError} CANCELLED
 */
export async function disksWithVolume(
  machines: readonly MachineDefinition[],
  { host, identity }: { readonly host: string; readonly identity: string },
  signal: AbortSignal,
): Promise<readonly DiskOfMachine[]> {
  const found: DiskOfMachine[] = [];
  for (const machine of machines) {
    for (const disk of disksInUse(machine).filter((each) => each.host === host)) {
      if (await hasVolume(disk.path, identity, signal)) {
        found.push({ machine: machine.name, disk: disk.name, path: disk.path });
      }
    }
  }
  return found;
}

function hasVolume(path: string, identity: string, signal: AbortSignal): Promise<boolean> {
  return scanDisk(
    path,
    ({ inspection }) =>
      Promise.resolve(inspection?.map.volumes.some(({ encrypted }) => encrypted?.identity === identity) === true),
    signal,
  );
}
