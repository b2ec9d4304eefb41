import { formatTable } from "#cli/output/table.ts";
import { formatBytes, formatRate } from "#cli/output/units.ts";
import type { Restored } from "#ops/restore/restore-new-file.ts";
import { formatDuration } from "#policy/duration.ts";

/** What was restored, for a person. @param name  of the point */
export function restoredLines(name: string, restored: readonly Restored[], tookMs: number): string[] {
  const rows = restored.map(({ disk, path, writtenBytes, resumed }) => [
    disk.name,
    formatBytes(disk.sizeBytes),
    formatBytes(writtenBytes),
    resumed ? `${path} (gone on with)` : path,
  ]);
  const columns = [
    { title: "DISK" },
    { title: "SIZE", align: "right" },
    { title: "WRITTEN", align: "right" },
    { title: "TO" },
  ] as const;
  const sum = restored.reduce((bytes, { disk }) => bytes + disk.sizeBytes, 0);
  const written = restored.reduce((bytes, { writtenBytes }) => bytes + writtenBytes, 0);
  return [
    ...formatTable(columns, rows),
    `${name} restored: ${formatBytes(sum)}, ${formatBytes(written)} written, ${formatDuration(tookMs)} (${formatRate(sum, tookMs)})`,
  ];
}

/** A restored disk as JSON shows it. docs/json.md, "lockstep restore" */
export function shownRestored({ disk, ...done }: Restored): object {
  const { name, disk: id, sizeBytes, dataBytes } = disk;
  return { name, id, sizeBytes, dataBytes, ...done };
}
