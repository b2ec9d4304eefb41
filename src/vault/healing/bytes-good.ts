import type { Fold, PartCheck, PointState } from "#vault/fold/fold.ts";

/** A check that read all data of all points up to entry `upTo`, in one go or part by part. */
export type WholeCheck = {
  /** When the oldest of its parts was begun. */
  readonly at: Temporal.Instant;
  readonly upTo: number;
};

/** The checks that read everything: those of whose parts each was made. */
export function wholeChecks({ checks }: Fold): readonly WholeCheck[] {
  const byParts = new Map<number, PartCheck[]>();
  for (const check of checks.values()) {
    const [, of] = check.part;
    byParts.set(of, [...(byParts.get(of) ?? []), check]);
  }
  return [...byParts].flatMap(([of, parts]) => {
    if (parts.length < of) return [];
    const dates = parts.map(({ startedAt }) => Temporal.Instant.from(startedAt));
    const [at] = dates.toSorted((a, b) => Temporal.Instant.compare(a, b));
    return at === undefined ? [] : [{ at, upTo: Math.min(...parts.map(({ upTo }) => upTo)) }];
  });
}

/**
 * When all bytes of a point were last found good; that it was written, synced and logged counts as the first time. Says nothing of
 * damage that was found since: see `PointState.hurt`.
 *
 * @param whole  as `wholeChecks` gives it
 */
export function bytesGoodAt(point: PointState, whole: readonly WholeCheck[]): Temporal.Instant {
  const dates = [point.capturedAt, ...(point.checkedAt === null ? [] : [point.checkedAt])].map((text) =>
    Temporal.Instant.from(text),
  );
  for (const { at, upTo } of whole) if (point.seq <= upTo) dates.push(at);
  return dates.reduce((newest, date) => (Temporal.Instant.compare(date, newest) > 0 ? date : newest));
}
