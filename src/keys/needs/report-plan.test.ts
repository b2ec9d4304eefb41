import assert from "node:assert/strict";
import { test } from "node:test";

import { planReport } from "#keys/needs/report-plan.ts";
import type { ReportPlan, ReportedPoint, StoredPoint } from "#keys/needs/report-plan.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const reported: ReportedPoint = {
  point: "1".repeat(32),
  name: "web01@2026-01-01",
  capturedMs: 0,
  expectedUntilMs: 100 * DAY_MS,
  volumes: [],
  volumesDigest: "a",
};

const { volumes: _, expectedUntilMs, ...common } = reported;
const stored: StoredPoint = { ...common, forecast: { untilMs: expectedUntilMs, nearer: null }, missingDay: null };

/** What a report of one point changes, on counted day 5. */
function plan(change: { readonly before?: Partial<StoredPoint>; readonly after?: Partial<ReportedPoint> }): ReportPlan {
  const [before, after] = [
    { ...stored, ...change.before },
    { ...reported, ...change.after },
  ];
  const byId = <Point extends { readonly point: string }>(point: Point) => new Map([[point.point, point]]);
  return planReport(byId(before), byId(after), { today: 5, nowMs: 0 });
}

test("a point that is reported as it is stored changes nothing", () => {
  const { saved, volumes, freed, alarm } = plan({});
  assert.deepEqual([saved, volumes, freed, alarm], [[], [], [], null]);
});

test("whatever of a point is reported anew is stored", () => {
  for (const after of [{ name: "web02@2026-01-01" }, { capturedMs: 1 }, { volumesDigest: "b" }]) {
    assert.deepEqual(plan({ after }).saved, [{ ...stored, ...after }]);
  }
  const expectedLater = plan({ after: { expectedUntilMs: null } });
  assert.deepEqual(expectedLater.saved, [{ ...stored, forecast: { untilMs: null, nearer: null } }]);
});

test("a nearer forecast that waited is forgotten once the one before is reported again, so that its days begin anew", () => {
  const nearer = { untilMs: 10 * DAY_MS, since: 1 };
  const waiting = { forecast: { untilMs: expectedUntilMs, nearer } };
  assert.deepEqual(plan({ before: waiting }).saved, [stored]);
  const still = plan({ before: waiting, after: { expectedUntilMs: nearer.untilMs } });
  assert.deepEqual(still.saved, [], "and it waits on while it is reported");
});

test("a point that comes back out of quarantine is stored, and counts as returned", () => {
  const { saved, returned } = plan({ before: { missingDay: 2 } });
  assert.deepEqual([saved, returned], [[stored], 1]);
});
