import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { forecastKeep } from "#policy/forecast.ts";
import { decideKeep, isEmptyKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";
import type { DatedPoint } from "#policy/order.ts";

const now = Temporal.Instant.from("2026-11-23T14:05:00Z");
const daily = (id: string, daysAgo: number): DatedPoint => ({ id, at: now.subtract({ hours: 24 * daysAgo }) });

function untils(points: readonly DatedPoint[], rule: KeepRule | undefined, everyHours = 24): Record<string, string> {
  const forecast = forecastKeep(points, rule, { everyHours, now, timeZone: "UTC" });
  return Object.fromEntries(forecast.map(({ point, until }) => [point.id, until.toString()]));
}

test("daily=3 keeps the newest of a day for three days", () => {
  assert.deepEqual(untils([daily("a", 0), daily("b", 1), daily("c", 2), daily("d", 3)], { daily: 3 }), {
    a: "2026-11-26",
    b: "2026-11-25",
    c: "2026-11-24",
    d: "2026-11-23",
  });
});

test("the only point of a year is kept for as many years as the rule says, and goes with the first point after", () => {
  assert.deepEqual(untils([daily("a", 365)], { yearly: 8 }), { a: "2033-01-01" });
  assert.deepEqual(untils([daily("a", 0)], { yearly: 8 }), { a: "2026-11-24" });
});

test("a point that no number speaks for is kept until the next one", () => {
  assert.deepEqual(untils([daily("a", 0)], { last: 1 }, 48), { a: "2026-11-25" });
});

test("an empty rule, and what outlives the horizon, keep always", () => {
  assert.deepEqual(untils([daily("a", 0)], undefined), { a: "always" });
  assert.deepEqual(untils([daily("a", 0)], { daily: 0 }), { a: "always" });
  assert.deepEqual(untils([daily("a", 400)], { yearly: 100 }), { a: "always" });
  assert.deepEqual(untils([], { daily: 7 }), {});
});

/** The same forecast by taking the points one after the other. */
function triedOut(
  points: readonly DatedPoint[],
  rule: KeepRule,
  plan: { everyHours: number; timeZone: string },
  rounds: number,
): Map<string, Temporal.PlainDate> {
  const until = new Map<string, Temporal.PlainDate>();
  const all = [...points];
  for (let round = 0; round <= rounds; round++) {
    const at = now.add({ milliseconds: round * plan.everyHours * 3_600_000 });
    if (round > 0) all.push({ id: `future ${round}`, at });
    for (const { point, keep } of decideKeep(all, rule, plan.timeZone)) {
      if (!keep && !until.has(point.id)) until.set(point.id, at.toZonedDateTimeISO(plan.timeZone).toPlainDate());
    }
  }
  return until;
}

test("it says what taking the points one after the other would show", () => {
  const count = fc.integer({ min: 0, max: 4 });
  const rule = fc
    .record({ last: count, daily: count, weekly: count, monthly: count, yearly: count })
    .filter((each) => !isEmptyKeep(each));
  const hoursAgo = fc.oneof(fc.integer({ min: 0, max: 72 }), fc.integer({ min: 0, max: 24 * 1000 }));
  const points = fc
    .array(hoursAgo, { minLength: 1, maxLength: 20 })
    .map((all) => all.map((hours, index) => ({ id: `p${index}`, at: now.subtract({ hours }) })));
  const plan = fc.record({
    everyHours: fc.constantFrom(0.75, 6, 24, 36, 168, 24 * 45, 24 * 400),
    timeZone: fc.constantFrom("UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia", "America/Nuuk"),
  });
  const rounds = 25;
  fc.assert(
    fc.property(points, rule, plan, (found, each, when) => {
      const tried = triedOut(found, each, when, rounds);
      const horizon = now.add({ milliseconds: rounds * when.everyHours * 3_600_000 });
      const lastDay = horizon.toZonedDateTimeISO(when.timeZone).toPlainDate();
      for (const { point, until } of forecastKeep(found, each, { ...when, now })) {
        const expected = tried.get(point.id);
        if (expected !== undefined) assert.equal(until.toString(), expected.toString(), point.id);
        else assert.ok(until === "always" || Temporal.PlainDate.compare(until, lastDay) >= 0, point.id);
      }
    }),
    { numRuns: 60 },
  );
});

test("a newest point dated ahead of now is where the series starts", () => {
  const ahead = daily("a", -1000);
  assert.deepEqual(untils([ahead], { last: 1 }), { a: ahead.at.add({ hours: 24 }).toString().slice(0, 10) });
});
