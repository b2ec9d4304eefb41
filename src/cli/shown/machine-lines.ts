import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import { keepOf } from "#cli/shown/shown-machine.ts";
import { disksInUse } from "#ops/machines/disk-definition.ts";
import type { Log } from "#vault/log/log.ts";

/** What a machine is, for a person. @param more  what else is said of it: title and words */
export function machineLines({ machine: id, fold }: Log, more: readonly (readonly [string, string])[] = []): string[] {
  const { machine } = fold;
  const facts = [
    ["machine", machine.name],
    ["id", id],
    ["protected", machine.protected ? "yes" : "no: it is backed up no longer"],
    ["keep", keepOf(machine)],
    ["a point every", everyWords(machine.everyHours)],
    ["time zone", machine.timeZone],
    ...more,
  ];
  const disks = disksInUse(machine).map(({ name, path, host, identity }) => [
    "disk",
    name,
    formatBytes(identity.sizeBytes),
    path,
    `on ${host}`,
  ]);
  return [...formatTable([{}, {}], facts), ...formatTable([{}, {}, { align: "right" }, {}, {}], disks)];
}

/** `24 h`, or minutes where it is less than an hour. */
export function everyWords(hours: number): string {
  return hours < 1 ? `${Math.round(hours * 60)} min` : `${Number(hours.toFixed(2))} h`;
}
