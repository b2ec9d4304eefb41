import { LockstepError } from "#errors/errors.ts";
import { defineDisk } from "#ops/machines/disk-definition.ts";
import type { DiskPlace } from "#ops/machines/disk-definition.ts";
import { refuseSamePath } from "#ops/machines/machine-edit.ts";
import type { Machines } from "#ops/machines/machines.ts";
import type { DiskDefinition, MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import type { Vault } from "#vault/vault.ts";

/** A machine to be protected. */
export type NewMachine = Pick<MachineDefinition, "name" | "keep" | "everyHours" | "timeZone"> & {
  /** With names that are unique. */
  readonly disks: readonly DiskPlace[];
};

/**
 * Puts a machine under protection: looks at its disks, and writes down what backups take. Backs up nothing yet.
 *
 * @param known  the machines of the vault; one that another host protects at this moment may get the same name
 * @throws {LockstepError} NAME_TAKEN; ARGUMENT_INVALID: a disk is there twice; what `defineDisk` and `createMachine` throw
 */
export async function protect(vault: Vault, known: Machines, machine: NewMachine, signal: AbortSignal): Promise<Log> {
  refuseTakenName(known, machine.name);
  const disks: DiskDefinition[] = [];
  for (const place of machine.disks) {
    const disk = await defineDisk(place, vault, signal);
    refuseSamePath(machine.name, disks, disk);
    disks.push(disk);
  }
  return createMachine(vault, { ...machine, disks, protected: true }, signal);
}

/** @throws {LockstepError} NAME_TAKEN: a machine has the name, be it protected or not */
export function refuseTakenName({ logs, faults }: Machines, name: string): void {
  const log = logs.find(({ fold }) => fold.machine.name === name);
  if (log === undefined && !faults.some((fault) => fault.name === name)) return;
  const hint =
    log?.fold.machine.protected === false
      ? `It is protected no longer. To protect it again: lockstep machine set ${name} --protect`
      : `Use another name, or change that machine: lockstep machine set ${name} --help`;
  throw new LockstepError("NAME_TAKEN", `there is a machine ${name} already`, { hint });
}
