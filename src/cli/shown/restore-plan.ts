import type { Output } from "#cli/output/output.ts";
import { formatTable } from "#cli/output/table.ts";
import { formatBytes } from "#cli/output/units.ts";
import type { RestorePlan } from "#ops/restore/restore-plan.ts";
import type { PointState } from "#vault/fold/fold.ts";

/** What a restore would do, for a person. @param name  of the point */
export function planLines(name: string, point: PointState, { disks, room }: RestorePlan): string[] {
  const rows = disks.map(({ disk, path, way, differentBytes }) => [
    disk.name,
    formatBytes(disk.sizeBytes),
    formatBytes(disk.dataBytes),
    differentBytes === null ? "-" : formatBytes(differentBytes),
    way,
    path,
  ]);
  const columns = [
    { title: "DISK" },
    { title: "SIZE", align: "right" },
    { title: "DATA", align: "right" },
    { title: "DIFFERS", align: "right" },
    { title: "HOW" },
    { title: "TO" },
  ] as const;
  const space =
    room === null
      ? []
      : [`${formatBytes(room.neededBytes)} of room are needed, ${formatBytes(room.freeBytes)} are there.`];
  return [
    `${name} (${point.point}), ${point.consistency}, would be restored:`,
    ...formatTable(columns, rows),
    ...space,
    "Nothing was written.",
  ];
}

/** Warns of what the plan runs into. @returns false where the restore is sure to fail */
export function sayPlanWarnings(output: Output, { disks, room }: RestorePlan): boolean {
  for (const { path, cutBytes, restBytes } of disks) {
    if (cutBytes > 0) output.note(`${path} is longer than the disk: ${cutBytes} bytes would be cut off its end.`);
    if (restBytes > 0) {
      output.warn({
        code: "TARGET_LARGER",
        message: `${path} is ${restBytes} bytes longer than the disk; what lies there would be left as it is`,
      });
    }
  }
  if (room === null || room.isEnough) return true;
  output.warn({
    code: "TARGET_FULL",
    message: `${room.neededBytes} bytes of room are needed, and ${room.freeBytes} are there`,
    hint: "Make room, or restore to another file system.",
  });
  return false;
}

/** A plan as JSON shows it. docs/json.md, "lockstep restore" */
export function shownPlan({ disks, room }: RestorePlan): {
  readonly disks: readonly object[];
  readonly room: object | null;
} {
  return {
    disks: disks.map(({ disk: { name, disk: id, sizeBytes, dataBytes }, ...rest }) => ({
      name,
      id,
      sizeBytes,
      dataBytes,
      ...rest,
    })),
    room,
  };
}
