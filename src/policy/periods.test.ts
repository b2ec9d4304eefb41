import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { firstDayAfter, periodKinds, periodOf } from "#policy/periods.ts";

const date = fc
  .integer({ min: -20_000, max: 40_000 })
  .map((days) => Temporal.PlainDate.from("1970-01-01").add({ days }));

test("a date lies in a day, an ISO week, a month and a year", () => {
  const names = (day: string) => periodKinds.map((kind) => periodOf(kind, Temporal.PlainDate.from(day)));
  assert.deepEqual(names("2026-11-20"), ["2026-11-20", "2026-W47", "2026-11", "2026"]);
  assert.deepEqual(names("2027-01-01"), ["2027-01-01", "2026-W53", "2027-01", "2027"]);
  assert.deepEqual(names("2024-12-30"), ["2024-12-30", "2025-W01", "2024-12", "2024"]);
});

test("a period ends on the day before the first day after it, and not earlier", () => {
  fc.assert(
    fc.property(date, fc.constantFrom(...periodKinds), (day, kind) => {
      const after = firstDayAfter(kind, day);
      assert.equal(periodOf(kind, after.subtract({ days: 1 })), periodOf(kind, day));
      assert.notEqual(periodOf(kind, after), periodOf(kind, day));
    }),
  );
});
