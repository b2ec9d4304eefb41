import { SOFT_DELETE_DAYS } from "#policy/soft-delete.ts";

/*
 * What waits before it frees anything: rules of days that were counted, and of nothing else. A day is counted for a machine
 * when the key side ran on it and a report of the machine came; docs/needs.md.
 */

/** Counted days for which what fell out of a machine's reports needs its versions all the same. */
export const QUARANTINE_DAYS = SOFT_DELETE_DAYS + 30;

/** Counted days for which a version is kept after another has taken its place. */
export const RETIRED_DAYS = 90;

/**
 * Counted days that a quarantine has left; 0: it is over.
 *
 * @param since  how many days had been counted when it began
 * @param now    how many are counted now
 */
export function quarantineLeft(since: number, now: number): number {
  return Math.max(0, since + QUARANTINE_DAYS - now);
}

/** Until when a point is expected to be kept. A forecast: it is shown, and frees nothing. */
export type Forecast = {
  /** Null: until somebody deletes it. */
  readonly untilMs: number | null;
  /** One that is nearer, and the counted day since which it waits to take the other's place; null: there is none. */
  readonly nearer: { readonly untilMs: number; readonly since: number } | null;
};

/** The forecast after a report on counted day `today`: a later one counts at once, a nearer one after its quarantine. */
export function nextForecast(kept: Forecast, reportedMs: number | null, today: number): Forecast {
  if (!isNearer(reportedMs, kept.untilMs)) return { untilMs: reportedMs, nearer: null };
  const waiting = kept.nearer;
  if (waiting === null || isNearer(reportedMs, waiting.untilMs)) {
    return { untilMs: kept.untilMs, nearer: { untilMs: reportedMs, since: today } };
  }
  if (quarantineLeft(waiting.since, today) > 0) {
    return { untilMs: kept.untilMs, nearer: { untilMs: reportedMs, since: waiting.since } };
  }
  return { untilMs: reportedMs, nearer: null };
}

function isNearer(ms: number | null, than: number | null): ms is number {
  return ms !== null && (than === null || ms < than);
}

/**
 * Whether so many points fell out of a machine's reports on one day that a custodian is to be told.
 *
 * @param missing  that were there the day before
 * @param points   that there were, these among them
 */
export function areMany(missing: number, points: number): boolean {
  return missing >= 10 && missing * 5 >= points;
}
