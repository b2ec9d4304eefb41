import type { App } from "#cli/app/app.ts";
import type { Machines } from "#ops/machines/machines.ts";
import { sharedDisks } from "#ops/machines/shared-disks.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import type { Log } from "#vault/log/log.ts";

/** Warns of disks of a machine that other machines of the vault back up as well. @param disks  those that are new, or elsewhere now */
export async function warnOfShared(
  { output }: App,
  { machine, fold }: Log,
  disks: readonly DiskDefinition[],
  { logs }: Machines,
): Promise<void> {
  const others = logs.filter((log) => log.machine !== machine).map((log) => log.fold.machine);
  for (const { disk, machine: other, name } of await sharedDisks(disks, others)) {
    output.warn({
      code: "DISK_PROTECTED_TWICE",
      message: `${disk.path} is the disk ${name} of ${other} already; each backs it up by itself from now on`,
      hint: `If they are one machine, keep one: lockstep machine unprotect ${fold.machine.name}`,
    });
  }
}
