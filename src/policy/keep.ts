import { LockstepError } from "#errors/errors.ts";
import { Calendar } from "#policy/calendar.ts";
import { newestFirst } from "#policy/order.ts";
import type { DatedPoint } from "#policy/order.ts";
import { periodKinds } from "#policy/periods.ts";
import type { PeriodKind } from "#policy/periods.ts";

/**
 * How many points to keep: whole numbers; one that is absent is the same as 0.
 *
 * `last` counts points. The others count periods *that have points* and keep the newest point of each, so a machine that
 * was off for a year keeps what it had. A rule without any number above 0 is empty and keeps everything.
 */
export type KeepRule = { readonly last?: number } & { readonly [kind in PeriodKind]?: number };

export type KeepDecision<Point> = {
  readonly point: Point;
  readonly keep: boolean;
  /** Why it is kept, such as `daily 3 of 7 (2026-11-20)`; empty when it is not. */
  readonly reasons: readonly string[];
};

const largestCount = 999_999;
const counters = ["last", ...periodKinds] as const;

/**
 * Parses `daily=7,weekly=4,monthly=12,yearly=7`, or `all` for the empty rule.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: an unknown or repeated name, or not a whole number up to 999999
 */
export function parseKeep(text: string): KeepRule {
  if (text.trim() === "all") return {};
  const rule: { [counter in (typeof counters)[number]]?: number } = {};
  for (const part of text.split(",")) {
    const [, name = "", digits = ""] = /^\s*(\w+)\s*=\s*(\d{1,6})\s*$/.exec(part) ?? [];
    const counter = counters.find((known) => known === name);
    if (counter === undefined) throw notARule(text, `"${part.trim()}" is not a count`);
    if (rule[counter] !== undefined) throw notARule(text, `"${counter}" is there twice`);
    rule[counter] = Number(digits);
  }
  return rule;
}

function notARule(text: string, why: string): LockstepError {
  return new LockstepError("ARGUMENT_INVALID", `"${text}" is not a keep rule: ${why}`, {
    hint: `Write counts of ${counters.join(", ")} up to ${largestCount}, such as daily=7,weekly=4,monthly=12,yearly=7; or all.`,
  });
}

/** The text that `parseKeep` reads; numbers that are 0 are left out, and the empty rule is `all`. */
export function formatKeep(rule: KeepRule): string {
  const parts = counters.filter((counter) => (rule[counter] ?? 0) > 0).map((counter) => `${counter}=${rule[counter]}`);
  return parts.length === 0 ? "all" : parts.join(",");
}

/** True for a rule that keeps everything. */
export function isEmptyKeep(rule: KeepRule): boolean {
  return counters.every((counter) => (rule[counter] ?? 0) === 0);
}

/**
 * Decides which points a rule keeps. The order of the input does not matter; the answer is ordered newest first.
 *
 * What holds of every rule, and may be relied on:
 * - The newest point is kept.
 * - Points that are not kept have no influence: whether all, some or none of them are gone, the rest is decided alike.
 * - A new point of any date never brings back one that was not kept. Taking away a *kept* one can, as its neighbour
 *   takes its place: so decide anew when a point was deleted by hand.
 * - Greater numbers keep the same points and perhaps more, unless the smaller rule is empty.
 *
 * @param points    the machine's live points; whether their dates can be believed is for `judgeClock`
 * @param rule      undefined is the empty rule
 * @param timeZone  an IANA name, as `parseTimeZone` gives it: where days, weeks, months and years begin
 */
export function decideKeep<Point extends DatedPoint>(
  points: readonly Point[],
  rule: KeepRule | undefined,
  timeZone: string,
): readonly KeepDecision<Point>[] {
  const ordered = points.toSorted(newestFirst);
  if (rule === undefined || isEmptyKeep(rule)) {
    return ordered.map((point) => ({ point, keep: true, reasons: ["the rule is empty, so all are kept"] }));
  }
  const kept = periodKinds
    .map((kind) => ({ kind, count: rule[kind] ?? 0, periods: new Set<string>() }))
    .filter(({ count }) => count > 0);
  const calendar = new Calendar(timeZone);
  return ordered.map((point, index) => {
    const reasons: string[] = [];
    if (index === 0) reasons.push("newest");
    if (index < (rule.last ?? 0)) reasons.push(`last ${index + 1} of ${rule.last}`);
    const day = calendar.dayOf(point.at);
    for (const { kind, count, periods } of kept) {
      if (periods.size === count) continue;
      const period = day.periods[kind];
      if (periods.has(period)) continue;
      periods.add(period);
      reasons.push(`${kind} ${periods.size} of ${count} (${period})`);
    }
    return { point, keep: reasons.length > 0, reasons };
  });
}
