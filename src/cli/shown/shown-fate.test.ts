import assert from "node:assert/strict";
import { test } from "node:test";

import { keptWords } from "#cli/shown/shown-fate.ts";

test("why a point is kept is said in few words", () => {
  const reasons = ["newest", "last 1 of 3", "daily 1 of 7 (2026-11-23)", "yearly 2 of 7 (2025)"];
  assert.equal(keptWords(reasons), "newest, last 1/3, daily 1/7, yearly 2/7");
  assert.equal(keptWords(["the rule is empty, so all are kept"]), "all");
  assert.match(keptWords([]), /no rule/);
});
