import assert from "node:assert/strict";
import { test } from "node:test";

import { REFUSALS_PER_MINUTE, RefusalBudget } from "#keys/access/refusal-budget.ts";

const minute = 60_000;

test("so many refusals a minute are recorded, and the next says how many were not", () => {
  const budget = new RefusalBudget();
  for (let n = 0; n < REFUSALS_PER_MINUTE; n++) assert.equal(budget.take("a", 0), 0);
  assert.ok(budget.isSpent("a", 1));
  for (let n = 0; n < 500; n++) assert.equal(budget.take("a", minute - 1), null);
  assert.equal(budget.take("a", minute), 500);
  assert.equal(budget.take("a", minute), 0);
});

test("each asker has a budget of his own", () => {
  const budget = new RefusalBudget();
  while (budget.take("a", 0) !== null);
  assert.equal(budget.isSpent("b", 0), false);
  assert.equal(budget.take("b", 0), 0);
});

test("a clock that is set back does not stop the recording", () => {
  const budget = new RefusalBudget();
  while (budget.take("a", 100 * minute) !== null);
  assert.equal(budget.take("a", 0), 1);
});
