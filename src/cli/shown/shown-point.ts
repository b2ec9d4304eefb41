import type { Consistency } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";

/** A recovery point as JSON shows it. docs/json.md, "A point" */
export type ShownPoint = {
  readonly id: string;
  readonly name: string;
  readonly capturedAt: string;
  readonly consistency: Consistency;
  readonly dateDoubtful: boolean;
  readonly base: string | null;
  readonly sizeBytes: number;
  readonly readBytes: number;
  readonly newBytes: number;
  readonly storedBytes: number;
  readonly unreadableBytes: number;
};

/** @param name  such as `web01@2026-11-23T14:05` */
export function shownPoint(point: PointState, name: string): ShownPoint {
  const { capturedAt, consistency, dateDoubtful, base, readBytes, newBytes, storedBytes, unreadableBytes } = point;
  return {
    id: point.point,
    name,
    capturedAt,
    consistency,
    dateDoubtful,
    base,
    sizeBytes: point.disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    readBytes,
    newBytes,
    storedBytes,
    unreadableBytes,
  };
}
