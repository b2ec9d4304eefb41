import { forecastKeep } from "#policy/forecast.ts";
import type { Assumed, KeepForecast } from "#policy/forecast.ts";
import { decideKeep } from "#policy/keep.ts";
import type { KeepDecision, KeepRule } from "#policy/keep.ts";
import type { DatedPoint } from "#policy/order.ts";

/** A point, and whether its disks were written to while it was taken. */
export type MaybeTornPoint = DatedPoint & { readonly torn: boolean };

/**
 * `decideKeep` for points some of which are torn: a torn point never takes an untorn one's place. Untorn points are
 * decided as if there were no torn ones; torn ones as any point. So a rule keeps a few points more than it counts, and
 * never leaves torn ones only. All that holds of `decideKeep` holds here too.
 */
export function decideKeepWithTorn<Point extends MaybeTornPoint>(
  points: readonly Point[],
  rule: KeepRule | undefined,
  timeZone: string,
): readonly KeepDecision<Point>[] {
  return untornApart(points, (some) => decideKeep(some, rule, timeZone));
}

/** `forecastKeep` for points some of which are torn: see `decideKeepWithTorn`. */
export function forecastKeepWithTorn<Point extends MaybeTornPoint>(
  points: readonly Point[],
  rule: KeepRule | undefined,
  assumed: Assumed,
): readonly KeepForecast<Point>[] {
  return untornApart(points, (some) => forecastKeep(some, rule, assumed));
}

function untornApart<Point extends MaybeTornPoint, Decision extends KeepDecision<Point>>(
  points: readonly Point[],
  decide: (points: readonly Point[]) => readonly Decision[],
): readonly Decision[] {
  const all = decide(points);
  if (!points.some(({ torn }) => torn)) return all;
  const untorn = decide(points.filter(({ torn }) => !torn));
  const ofUntorn = new Map(untorn.map((decision) => [decision.point.id, decision]));
  return all.map((decision) => ofUntorn.get(decision.point.id) ?? decision);
}
