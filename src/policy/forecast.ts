import { decideKeep, isEmptyKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";
import { newestFirst } from "#policy/order.ts";
import type { DatedPoint } from "#policy/order.ts";
import { firstDayAfter, periodKinds, periodOf } from "#policy/periods.ts";
import type { PeriodKind } from "#policy/periods.ts";

/** How far a forecast looks; whatever is still kept then is kept "always". */
export const forecastYears = 50;

export type KeepForecast<Point> = {
  readonly point: Point;
  /** The day on which the rule is expected to let the point go; today or earlier where it already does. */
  readonly until: Temporal.PlainDate | "always";
};

/** What backups are assumed to be taken from now on: number 1 at `firstMs`, then one every `everyMs`. */
type Series = { readonly firstMs: number; readonly everyMs: number; readonly count: number; readonly timeZone: string };

/**
 * Says until when each point is expected to be kept, if backups go on at their interval. A forecast, not a promise:
 * backups that do not happen keep points longer, and backups made by hand may let them go earlier.
 *
 * The days are those on which `decideKeep` would first let the point go, had the assumed points been taken. They are
 * computed rather than tried out: a rule lets a point go when as many new periods have begun as it had to spare.
 *
 * @param points      the machine's live points
 * @param everyHours  above 0, may be a fraction: one point is assumed that long after now (or after the newest point,
 *                    should that be later), and so on
 * @param timeZone    an IANA name, as `parseTimeZone` gives it
 * @returns           newest first
 */
export function forecastKeep<Point extends DatedPoint>(
  points: readonly Point[],
  rule: KeepRule | undefined,
  { everyHours, now, timeZone }: { everyHours: number; now: Temporal.Instant; timeZone: string },
): readonly KeepForecast<Point>[] {
  if (rule === undefined || isEmptyKeep(rule)) {
    return points.toSorted(newestFirst).map((point) => ({ point, until: "always" }));
  }
  const decisions = decideKeep(points, rule, timeZone);
  const newest = decisions[0]?.point.at ?? now;
  const startMs = Math.max(now.epochMilliseconds, newest.epochMilliseconds);
  const series: Series = { ...seriesFrom(startMs, everyHours), timeZone };

  const dates = decisions.map(({ point }) => dateOf(point.at, timeZone));
  const ends = periodKinds
    .filter((kind) => (rule[kind] ?? 0) > 0)
    .map((kind) => endsByPeriod(kind, rule[kind] ?? 0, dates, series));
  const today = dateOf(now, timeZone);
  return decisions.map(({ point, keep }, index) => {
    if (!keep) return { point, until: today };
    const byLast = (rule.last ?? 0) - index;
    const end = Math.max(1, byLast, ...ends.map((byIndex) => byIndex[index] ?? 0));
    return { point, until: end > series.count ? "always" : dateOf(instantOf(series, end), timeZone) };
  });
}

function seriesFrom(startMs: number, everyHours: number): Omit<Series, "timeZone"> {
  const everyMs = everyHours * 3_600_000;
  return {
    firstMs: startMs + everyMs,
    everyMs,
    count: Math.floor((forecastYears * 365.2425 * 24) / everyHours),
  };
}

function instantOf(series: Series, number: number): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(Math.round(series.firstMs + (number - 1) * series.everyMs));
}

function dateOf(at: Temporal.Instant, timeZone: string): Temporal.PlainDate {
  return at.toZonedDateTimeISO(timeZone).toPlainDate();
}

/**
 * For each date (of points, newest first) the number of the assumed point that ends its being kept by one kind of
 * period: 0 where it is not kept by it, infinite where nothing in the series ends it.
 *
 * The newest point of a period with `n` periods after it stays while fewer than `count - n` new ones have begun. Points
 * of the series that fall into the newest period begin none, but take the place of its newest point.
 */
function endsByPeriod(kind: PeriodKind, count: number, dates: readonly Temporal.PlainDate[], series: Series): number[] {
  const starts = periodStarts(kind, count + 1, series);
  const newestPeriod = dates[0] === undefined ? null : periodOf(kind, dates[0]);
  const goesOn = starts[0]?.period === newestPeriod;
  const begins = goesOn ? starts.slice(1) : starts;
  const seen = new Set<string>();
  return dates.map((date) => {
    if (seen.size === count) return 0;
    const period = periodOf(kind, date);
    if (seen.has(period)) return 0;
    seen.add(period);
    if (goesOn && period === newestPeriod) return 1;
    return begins[count - seen.size]?.number ?? Infinity;
  });
}

/** The first `limit` periods that have points of the series, each with the number of its first one. */
function periodStarts(kind: PeriodKind, limit: number, series: Series): { period: string; number: number }[] {
  const starts: { period: string; number: number }[] = [];
  let number = 1;
  while (starts.length < limit && number <= series.count) {
    const date = dateOf(instantOf(series, number), series.timeZone);
    starts.push({ period: periodOf(kind, date), number });
    const endMs = firstDayAfter(kind, date).toZonedDateTime(series.timeZone).epochMilliseconds;
    number = Math.max(number + 1, Math.ceil((endMs - series.firstMs) / series.everyMs) + 1);
  }
  return starts;
}
