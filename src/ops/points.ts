import { namesOfPoints } from "#ops/find-point.ts";
import { forecastKeep } from "#policy/forecast.ts";
import { decideKeep, parseKeep } from "#policy/keep.ts";
import { newestFirst } from "#policy/order.ts";
import { purgeDueAt } from "#policy/soft-delete.ts";
import type { PointState } from "#vault/fold.ts";
import type { Log } from "#vault/log.ts";

/** A point, and what is to become of it. */
export type ListedPoint = {
  readonly state: PointState;
  readonly name: string;
  readonly fate:
    | {
        readonly kind: "kept";
        /** Why: see `decideKeep`; empty when the rule lets it go. */
        readonly reasons: readonly string[];
        /** A forecast: see `forecastKeep`. */
        readonly until: Temporal.PlainDate | "always";
      }
    | {
        readonly kind: "deleted";
        readonly by: "rule" | "person";
        readonly reason: string;
        readonly at: Temporal.Instant;
        /** From then on a prune may purge it. */
        readonly until: Temporal.Instant;
      };
};

/**
 * The points of a machine, newest first. Reads nothing: all of it is in the log.
 *
 * @param which  live ones; or those that are deleted and not purged yet
 */
export function listPoints(log: Log, which: "live" | "deleted", now: Temporal.Instant): readonly ListedPoint[] {
  const names = namesOfPoints(log);
  const dated = [...log.fold.points.values()]
    .filter(({ deleted }) => (deleted === null) === (which === "live"))
    .map((state) => ({ id: state.point, at: Temporal.Instant.from(state.capturedAt), state }));
  const nameOf = (state: PointState): string => names.get(state.point) ?? state.point;
  if (which === "deleted") {
    return dated.toSorted(newestFirst).flatMap(({ state }) => {
      if (state.deleted === null) return [];
      const { by, reason } = state.deleted;
      const at = Temporal.Instant.from(state.deleted.at);
      return [{ state, name: nameOf(state), fate: { kind: "deleted", by, reason, at, until: purgeDueAt(at) } }];
    });
  }
  const { keep, everyHours, timeZone } = log.fold.machine;
  const rule = keep === "" ? {} : parseKeep(keep);
  const decisions = decideKeep(dated, rule, timeZone);
  const forecasts = forecastKeep(dated, rule, { everyHours, now, timeZone });
  return decisions.map(({ point: { state }, reasons }, index) => {
    const until = forecasts[index]?.until ?? "always";
    return { state, name: nameOf(state), fate: { kind: "kept", reasons, until } };
  });
}
