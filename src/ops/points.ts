import { namesOfPoints } from "#ops/find-point.ts";
import { forecastKeep } from "#policy/forecast.ts";
import type { KeepForecast } from "#policy/forecast.ts";
import { decideKeepWithTorn } from "#policy/keep-torn.ts";
import { parseKeep } from "#policy/keep.ts";
import { newestFirst } from "#policy/order.ts";
import type { DatedPoint } from "#policy/order.ts";
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
        /** Why: see `decideKeepWithTorn`; empty when the rule lets it go. */
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
  // In order from the start, since the policies sort too: of thousands of points that is most of the work.
  const dated = [...log.fold.points.values()]
    .filter(({ deleted }) => (deleted === null) === (which === "live"))
    .map((state) => {
      const at = Temporal.Instant.from(state.capturedAt);
      return { id: state.point, at, ms: at.epochMilliseconds, torn: state.consistency === "torn", state };
    })
    .toSorted((a, b) => b.ms - a.ms || newestFirst(a, b));
  const nameOf = (state: PointState): string => names.get(state.point) ?? state.point;
  if (which === "deleted") {
    return dated.flatMap(({ state }) => {
      if (state.deleted === null) return [];
      const { by, reason } = state.deleted;
      const at = Temporal.Instant.from(state.deleted.at);
      return [{ state, name: nameOf(state), fate: { kind: "deleted", by, reason, at, until: purgeDueAt(at) } }];
    });
  }
  const { keep, everyHours, timeZone } = log.fold.machine;
  const rule = keep === "" ? {} : parseKeep(keep);
  const assumed = { everyHours, now, timeZone };
  const untils = new Map(forecastKeep(dated, rule, assumed).map(untilById));
  const untorn = dated.filter(({ torn }) => !torn);
  // As `decideKeepWithTorn`: what is not torn goes by its own kind.
  if (untorn.length < dated.length) {
    for (const each of forecastKeep(untorn, rule, assumed)) untils.set(...untilById(each));
  }
  return decideKeepWithTorn(dated, rule, timeZone).map(({ point: { state }, reasons }) => {
    const until = untils.get(state.point) ?? "always";
    return { state, name: nameOf(state), fate: { kind: "kept", reasons, until } };
  });
}

function untilById({ point, until }: KeepForecast<DatedPoint>): [string, Temporal.PlainDate | "always"] {
  return [point.id, until];
}
