import { formatBytes, formatRate } from "#cli/output/units.ts";
import { formatDuration } from "#policy/duration.ts";
import type { PointState } from "#vault/fold/fold.ts";

/** What came of a backup, in a line: `web01@2026-11-23T14:05  40.0 GiB read, 11.2 GiB new, 10.9 GiB stored, 31 s (1.3 GiB/s)  offline`. */
export function backupLine(name: string, point: PointState, tookMs: number): string {
  const { readBytes, newBytes, storedBytes, consistency } = point;
  const counts = `${formatBytes(readBytes)} read, ${formatBytes(newBytes)} new, ${formatBytes(storedBytes)} stored`;
  return `${name}  ${counts}, ${formatDuration(tookMs)} (${formatRate(readBytes, tookMs)})  ${consistency}`;
}
