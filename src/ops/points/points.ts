import { newestLive } from "#ops/points/newest-live.ts";
import { forecastKeepWithTorn } from "#policy/keep-torn.ts";
import { parseKeep } from "#policy/keep.ts";
import { newestFirst } from "#policy/order.ts";
import { pointNames } from "#policy/point-names.ts";
import { purgeDueAt } from "#policy/soft-delete.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

/** A point, and its fate: until when it is kept, and why. */
export type ListedPoint = {
  readonly state: PointState;
  readonly name: string;
  readonly fate:
    | {
        readonly kind: "kept";
        /** Why: see `decideKeep`, and of the point that was logged last that it was; empty when the next prune lets it go. */
        readonly reasons: readonly string[];
        /** A forecast: see `forecastKeepWithTorn`. */
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
  const { name: machine, keep, everyHours, timeZone } = log.fold.machine;
  const all = [...log.fold.points.values()].map((state) => {
    const at = Temporal.Instant.from(state.capturedAt);
    return { id: state.point, machine, at, ms: at.epochMilliseconds, torn: state.consistency === "torn", state };
  });
  const names = pointNames(all, timeZone); // deleted ones count too
  const nameOf = (state: PointState): string => names.get(state.point) ?? state.point;
  // In order from the start, since the policies sort too: of thousands of points that is most of the work.
  const dated = all
    .filter(({ state: { deleted } }) => (deleted === null) === (which === "live"))
    .toSorted((a, b) => b.ms - a.ms || newestFirst(a, b));
  if (which === "deleted") {
    return dated.flatMap(({ state }) => {
      if (state.deleted === null) return [];
      const { by, reason } = state.deleted;
      const at = Temporal.Instant.from(state.deleted.at);
      return [{ state, name: nameOf(state), fate: { kind: "deleted", by, reason, at, until: purgeDueAt(at) } }];
    });
  }
  const rule = keep === "" ? {} : parseKeep(keep);
  const loggedLast = newestLive(log.fold);
  return forecastKeepWithTorn(dated, rule, { everyHours, now, timeZone }).map(
    ({ point: { state }, reasons, until }) => ({
      state,
      name: nameOf(state),
      fate:
        reasons.length === 0 && state === loggedLast
          ? { kind: "kept", reasons: ["logged last"], until: nextPointOn(log, now) }
          : { kind: "kept", reasons, until },
    }),
  );
}

/** The day on which the next point is expected. */
function nextPointOn({ fold }: Log, now: Temporal.Instant): Temporal.PlainDate {
  const { everyHours, timeZone } = fold.machine;
  const next = now.add({ milliseconds: Math.round(everyHours * 3_600_000) });
  return next.toZonedDateTimeISO(timeZone).toPlainDate();
}
