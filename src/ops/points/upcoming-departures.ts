import { listPoints } from "#ops/points/points.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";

/** A point that will go, and when. */
export type Departure = {
  readonly point: PointId;
  readonly name: string;
  /** "rule": the keep rule is expected to delete it then. "purge": it is deleted, and may be purged from then on. */
  readonly what: "rule" | "purge";
  /** A day, in the machine's time zone. */
  readonly on: Temporal.PlainDate;
};

/**
 * The points of a machine that will go, the next one first. A forecast, as `forecastKeep` makes it; points that are kept
 * for good are not in it.
 */
export function upcomingDepartures(log: Log, now: Temporal.Instant): readonly Departure[] {
  const { timeZone } = log.fold.machine;
  const all = [...listPoints(log, "live", now), ...listPoints(log, "deleted", now)];
  return all
    .flatMap(({ state: { point }, name, fate }): readonly Departure[] => {
      if (fate.until === "always") return [];
      return fate.kind === "kept"
        ? [{ point, name, what: "rule", on: fate.until }]
        : [{ point, name, what: "purge", on: fate.until.toZonedDateTimeISO(timeZone).toPlainDate() }];
    })
    .toSorted((a, b) => Temporal.PlainDate.compare(a.on, b.on));
}
