/** What the policies need to know of a recovery point. */
export type DatedPoint = {
  readonly id: string;
  /** When its disks were captured. */
  readonly at: Temporal.Instant;
};

/** Compares points for sorting, newest first. Of two at the same instant the one with the greater id counts as newer. */
export function newestFirst(a: DatedPoint, b: DatedPoint): number {
  const byTime = Temporal.Instant.compare(b.at, a.at);
  if (byTime !== 0) return byTime;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}
