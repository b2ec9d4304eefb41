import assert from "node:assert/strict";
import { test } from "node:test";

import { DayBudget } from "#keys/access/day-budget.ts";

test("what is spent is counted by name, until the day is over", () => {
  const budget = new DayBudget();
  const evening = Temporal.Instant.from("2026-01-01T23:00Z");
  budget.spend("a", 3, evening);
  budget.spend("a", 4, evening.add({ minutes: 59 }));
  assert.deepEqual([budget.spent("a", evening), budget.spent("b", evening)], [7, 0]);
  assert.equal(budget.spent("a", evening.add({ hours: 1 })), 0);
});
