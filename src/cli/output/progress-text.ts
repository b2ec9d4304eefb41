import { formatBytes, formatRate } from "#cli/output/units.ts";
import { formatDuration } from "#policy/duration.ts";

export type ProgressState = {
  readonly doneBytes: number;
  /** Null where nobody knows it. */
  readonly totalBytes: number | null;
  /** Null while it is not known yet. */
  readonly bytesPerMs: number | null;
};

/** How far it is, in parts to be joined: `30 %`, `12.0 GiB of 40.0 GiB`, `410.3 MiB/s`, `1 min 08 s left`. */
export function progressParts({ doneBytes, totalBytes, bytesPerMs }: ProgressState): string[] {
  const rate = bytesPerMs === null ? [] : [formatRate(bytesPerMs, 1)];
  if (totalBytes === null) return [formatBytes(doneBytes), ...rate];
  const left = Math.max(0, totalBytes - doneBytes);
  const time = bytesPerMs === null || bytesPerMs <= 0 ? [] : [`${formatDuration(Math.ceil(left / bytesPerMs))} left`];
  return [
    `${Math.floor(fractionDone(doneBytes, totalBytes) * 100)} %`,
    `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    ...rate,
    ...time,
  ];
}

/** From 0 to 1; 1 when there is nothing to do. */
function fractionDone(doneBytes: number, totalBytes: number): number {
  return totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
}

const barCells = 24;

/** A bar such as `[#######-----------------]`; none where the total is not known. */
export function barText(doneBytes: number, totalBytes: number | null): string[] {
  if (totalBytes === null) return [];
  const full = Math.floor(fractionDone(doneBytes, totalBytes) * barCells);
  return [`[${"#".repeat(full).padEnd(barCells, "-")}]`];
}

/** What was done in the end: `40.0 GiB in 1 min 38 s`, `417.9 MiB/s`. */
export function endParts(doneBytes: number, ms: number): string[] {
  return [`${formatBytes(doneBytes)} in ${formatDuration(ms)}`, ...(ms > 0 ? [formatRate(doneBytes, ms)] : [])];
}
