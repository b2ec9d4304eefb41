import type { Fold } from "#vault/fold/fold.ts";
import type { PointId } from "#vault/object/ids.ts";

/** What an entry changes, and why some of it does not count, in words. */
export type Effect = { readonly change: Partial<Fold>; readonly ignored: readonly string[] };

export const nothing: Effect = { change: {}, ignored: [] };
export const changes = (change: Partial<Fold>): Effect => ({ change, ignored: [] });
export const ignore = (why: string): Effect => ({ change: {}, ignored: [why] });
export const gone = (point: PointId): Effect => ignore(`point ${point} is purged or never was`);
