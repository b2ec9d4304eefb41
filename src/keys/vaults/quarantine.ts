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

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Whether a point that is missing was expected to go, so that nobody need be told. A forecast is of a day, not of an hour.
 *
 * @param kept  the longest that was reported of late: one that is nearer and waits does not count
 */
export function isExpectedToGo({ untilMs }: Forecast, nowMs: number): boolean {
  return untilMs !== null && untilMs <= nowMs + DAY_MS;
}

/** By so much a forecast comes nearer where a backup was made by hand, or was late; more is a change that somebody made. */
const USUAL_MS = 31 * DAY_MS;

/** Whether on counted day `today` a forecast came nearer by more than it does by itself. Not shown yet, and told all the same. */
export function isShortened({ untilMs, nearer }: Forecast, today: number): boolean {
  if (nearer === null || nearer.since !== today) return false;
  return untilMs === null || untilMs - nearer.untilMs > USUAL_MS;
}

/**
 * Whether so many points fell on one day that a custodian must be told: ten and a fifth of all, or all of at least two.
 *
 * @param fallen  that were there the day before and are missing although they were expected to stay, or are expected to go much sooner
 * @param points  that there were, these among them, without those that were expected to go
 */
export function areMany(fallen: number, points: number): boolean {
  if (fallen >= 2 && fallen === points) return true;
  return fallen >= 10 && fallen * 5 >= points;
}
