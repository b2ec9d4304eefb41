import type { DiskIdentity } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { disksInUse, otherDisk } from "#ops/machines/disk-definition.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";

/** The definition with one more disk. @throws {LockstepError} NAME_TAKEN; ARGUMENT_INVALID: it has what is at that path already */
export function withDisk(machine: MachineDefinition, disk: DiskDefinition): MachineDefinition {
  if (disksInUse(machine).some(({ name }) => name === disk.name)) {
    throw new LockstepError("NAME_TAKEN", `machine ${machine.name} has a disk ${disk.name} already`, {
      hint: `Give the new one another name, or say where that one is now: --disk ${disk.name}=PATH.`,
    });
  }
  refuseSamePath(machine.name, disksInUse(machine), disk);
  return { ...machine, disks: [...machine.disks, disk] };
}

/** Refuses a disk that would be backed up twice. @throws {LockstepError} ARGUMENT_INVALID */
export function refuseSamePath(
  machine: string,
  disks: readonly DiskDefinition[],
  { path, host }: DiskDefinition,
): void {
  const same = disks.find((each) => each.path === path && each.host === host);
  if (same === undefined) return;
  throw new LockstepError("ARGUMENT_INVALID", `machine ${machine} has ${path} already, as its disk ${same.name}`, {
    hint: "Name each disk once.",
  });
}

/**
 * Without a disk: it is backed up no longer. Its points, and its place in the definition, stay.
 *
 * @throws {LockstepError} NAME_UNKNOWN; ARGUMENT_INVALID: it is the last one
 */
export function withoutDisk(machine: MachineDefinition, name: string, removedAt: Temporal.Instant): MachineDefinition {
  const disk = diskNamed(machine, name);
  if (disksInUse(machine).length === 1) {
    throw new LockstepError("ARGUMENT_INVALID", `machine ${machine.name} has no other disk than ${name}`, {
      hint: `To back it up no longer: lockstep machine unprotect ${machine.name}`,
    });
  }
  return replacingDisk(machine, { ...disk, removedAt: removedAt.toString() });
}

/**
 * With a disk that is at another place now.
 *
 * @param acceptChanged  also when it looks like another disk
 * @throws {LockstepError} NAME_UNKNOWN; DISK_CHANGED: it looks like another disk
 */
export function withDiskAt(
  machine: MachineDefinition,
  name: string,
  place: { readonly path: string; readonly host: string; readonly identity: DiskIdentity },
  acceptChanged: boolean,
): MachineDefinition {
  const disk = diskNamed(machine, name);
  const reasons = otherDisk(disk, place.identity);
  if (reasons.length > 0 && !acceptChanged) throw diskChanged(machine.name, disk, place.path, reasons);
  return replacingDisk(machine, { ...disk, ...place });
}

/** The definition with new identities for the disks that are named; the others keep theirs. */
export function withIdentities(
  machine: MachineDefinition,
  identities: ReadonlyMap<DiskDefinition["id"], DiskIdentity>,
): MachineDefinition {
  return {
    ...machine,
    disks: machine.disks.map((disk) => {
      const identity = identities.get(disk.id);
      return identity === undefined ? disk : { ...disk, identity };
    }),
  };
}

/** The error for another disk in the place of one that is known. */
export function diskChanged(
  machine: string,
  disk: DiskDefinition,
  path: string,
  reasons: readonly string[],
): LockstepError {
  return new LockstepError(
    "DISK_CHANGED",
    `${path} does not look like the disk ${disk.name} of ${machine}: ${reasons.join("; ")}`,
    {
      hint: "If it is that disk, for instance with a new partition table, use --accept-changed-disk. If it is another one, see `lockstep machine set --help`.",
    },
  );
}

function diskNamed(machine: MachineDefinition, name: string): DiskDefinition {
  const inUse = disksInUse(machine);
  const disk = inUse.find((each) => each.name === name);
  if (disk !== undefined) return disk;
  throw new LockstepError("NAME_UNKNOWN", `machine ${machine.name} has no disk ${name}`, {
    hint: `It has ${inUse.map((each) => each.name).join(", ")}.`,
  });
}

function replacingDisk(machine: MachineDefinition, disk: DiskDefinition): MachineDefinition {
  return { ...machine, disks: machine.disks.map((each) => (each.id === disk.id ? disk : each)) };
}
