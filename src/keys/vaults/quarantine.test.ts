import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { QUARANTINE_DAYS, areMany, nextForecast, quarantineLeft } from "#keys/vaults/quarantine.ts";
import type { Forecast } from "#keys/vaults/quarantine.ts";

test("a quarantine lasts 44 counted days: 14 in which a point can be undeleted, and 30", () => {
  assert.equal(QUARANTINE_DAYS, 44);
  assert.deepEqual(
    [7, 8, 50, 51, 900].map((now) => quarantineLeft(7, now)),
    [44, 43, 1, 0, 0],
  );
});

const waiting = (untilMs: number | null, nearerMs: number, since: number): Forecast => ({
  untilMs,
  nearer: { untilMs: nearerMs, since },
});
const settled = (untilMs: number | null): Forecast => ({ untilMs, nearer: null });

/** docs/needs.md has the rule in words. */
const forecasts: readonly [what: string, kept: Forecast, reported: number | null, today: number, next: Forecast][] = [
  ["the same", settled(100), 100, 5, settled(100)],
  ["later", settled(100), 101, 5, settled(101)],
  ["no end any more", settled(100), null, 5, settled(null)],
  ["no end, as before", settled(null), null, 5, settled(null)],
  ["nearer waits", settled(100), 99, 5, waiting(100, 99, 5)],
  ["an end, where there was none, waits", settled(null), 99, 5, waiting(null, 99, 5)],
  ["it goes on waiting", waiting(100, 99, 5), 99, 48, waiting(100, 99, 5)],
  ["it has waited", waiting(100, 99, 5), 99, 49, settled(99)],
  ["less near than what waits", waiting(100, 90, 5), 95, 20, waiting(100, 95, 5)],
  ["still nearer waits anew", waiting(100, 90, 5), 80, 60, waiting(100, 80, 60)],
  ["back to what it was", waiting(100, 90, 5), 100, 20, settled(100)],
  ["later than it was", waiting(100, 90, 5), 200, 20, settled(200)],
];
for (const [what, kept, reported, today, next] of forecasts) {
  test(`a forecast: ${what}`, () => assert.deepEqual(nextForecast(kept, reported, today), next));
}

test("no forecast comes nearer before it was reported for a whole quarantine", () => {
  const time = fc.option(fc.integer({ min: 0, max: 9 }), { nil: null });
  const steps = fc.array(fc.tuple(time, fc.integer({ min: 0, max: 30 })), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (reports) => {
      let forecast = settled(5);
      let today = 0;
      const seen: { today: number; ms: number }[] = [{ today, ms: 5 }];
      for (const [reported, days] of reports) {
        today += days;
        seen.push({ today, ms: reported ?? Number.POSITIVE_INFINITY });
        forecast = nextForecast(forecast, reported, today);
        const shown = forecast.untilMs ?? Number.POSITIVE_INFINITY;
        const lately = seen.filter((report) => quarantineLeft(report.today, today) > 0).map(({ ms }) => ms);
        assert.ok(shown >= Math.max(...lately), `${shown} after ${JSON.stringify(seen)}`);
      }
    }),
  );
});

test("many are at least ten, and at least a fifth of all; or all, where there are two or more", () => {
  const cases: readonly [fallen: number, points: number, isMany: boolean][] = [
    [0, 0, false],
    [1, 1, false],
    [2, 2, true],
    [9, 9, true],
    [9, 10, false],
    [10, 10, true],
    [10, 50, true],
    [10, 51, false],
    [20, 100, true],
  ];
  for (const [fallen, points, isMany] of cases) assert.equal(areMany(fallen, points), isMany, `${fallen} of ${points}`);
});
