import type { Fold, PointState } from "#vault/fold/fold.ts";

/** The live point that was logged last; null when there is none. */
export function newestLive(fold: Fold): PointState | null {
  let newest: PointState | null = null;
  for (const point of fold.points.values()) {
    if (point.deleted === null && (newest === null || point.seq > newest.seq)) newest = point;
  }
  return newest;
}
