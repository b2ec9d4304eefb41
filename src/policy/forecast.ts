import { Calendar } from "#policy/calendar.ts";
import type { CalendarDay } from "#policy/calendar.ts";
import { decideKeep, isEmptyKeep } from "#policy/keep.ts";
import type { KeepDecision, KeepRule } from "#policy/keep.ts";
import type { DatedPoint } from "#policy/order.ts";
import { firstDayAfter, periodKinds } from "#policy/periods.ts";
import type { PeriodKind } from "#policy/periods.ts";

/** How far a forecast looks; whatever is still kept then is kept "always". */
const forecastYears = 50;

export type KeepForecast<Point> = KeepDecision<Point> & {
  /** The day on which the rule is expected to let the point go; today or earlier where it already does. */
  readonly until: Temporal.PlainDate | "always";
};

/** What backups are assumed to be taken from now on: number 1 at `firstMs`, then one every `everyMs`. */
type Series = { readonly firstMs: number; readonly everyMs: number; readonly count: number; readonly timeZone: string };

/** What `forecastKeep` assumes of the time to come. */
export type Assumed = { readonly everyHours: number; readonly now: Temporal.Instant; readonly timeZone: string };

/**
 * Decides as `decideKeep` does, and says until when each point is expected to be kept, if backups go on at their interval. A forecast, not a promise:
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
  { everyHours, now, timeZone }: Assumed,
): readonly KeepForecast<Point>[] {
  const decisions = decideKeep(points, rule, timeZone);
  if (rule === undefined || isEmptyKeep(rule)) return decisions.map((decision) => ({ ...decision, until: "always" }));
  const calendar = new Calendar(timeZone);
  const newest = decisions[0]?.point.at ?? now;
  const startMs = Math.max(now.epochMilliseconds, newest.epochMilliseconds);
  const series: Series = { ...seriesFrom(startMs, everyHours), timeZone };

  const days = decisions.map(({ point }) => calendar.dayOf(point.at));
  const ends = periodKinds
    .filter((kind) => (rule[kind] ?? 0) > 0)
    .map((kind) => endsByPeriod(kind, rule[kind] ?? 0, days, { series, calendar }));
  const today = calendar.dayOf(now).date;
  return decisions.map((decision, index) => {
    if (!decision.keep) return { ...decision, until: today };
    const byLast = (rule.last ?? 0) - index;
    const end = Math.max(1, byLast, ...ends.map((byIndex) => byIndex[index] ?? 0));
    return { ...decision, until: end > series.count ? "always" : calendar.dayOf(instantOf(series, end)).date };
  });
}

type Ahead = { readonly series: Series; readonly calendar: Calendar };

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

/**
 * For each day (of points, newest first) the number of the assumed point that ends its being kept by one kind of
 * period: 0 where it is not kept by it, infinite where nothing in the series ends it.
 *
 * The newest point of a period with `n` periods after it stays while fewer than `count - n` new ones have begun. Points
 * of the series that fall into the newest period begin none, but take the place of its newest point.
 */
function endsByPeriod(kind: PeriodKind, count: number, days: readonly CalendarDay[], ahead: Ahead): number[] {
  const starts = periodStarts(kind, count + 1, ahead);
  const newestPeriod = days[0]?.periods[kind];
  const goesOn = starts[0]?.period === newestPeriod;
  const begins = goesOn ? starts.slice(1) : starts;
  const seen = new Set<string>();
  return days.map(({ periods }) => {
    if (seen.size === count) return 0;
    const period = periods[kind];
    if (seen.has(period)) return 0;
    seen.add(period);
    if (goesOn && period === newestPeriod) return 1;
    return begins[count - seen.size]?.number ?? Infinity;
  });
}

/** The first `limit` periods that have points of the series, each with the number of its first one. */
function periodStarts(
  kind: PeriodKind,
  limit: number,
  { series, calendar }: Ahead,
): { period: string; number: number }[] {
  const starts: { period: string; number: number }[] = [];
  let number = 1;
  while (starts.length < limit && number <= series.count) {
    const { date, periods } = calendar.dayOf(instantOf(series, number));
    starts.push({ period: periods[kind], number });
    const endMs = firstDayAfter(kind, date).toZonedDateTime(series.timeZone).epochMilliseconds;
    number = Math.max(number + 1, Math.ceil((endMs - series.firstMs) / series.everyMs) + 1);
  }
  return starts;
}
