import assert from "node:assert/strict";
import { test } from "node:test";

import { nextLine } from "#cli/shown/bound-lines.ts";

test("after a binding the next step is said: a check of its machine, or to protect it first", () => {
  assert.match(nextLine("web01"), /`lockstep check web01`, or the next backup/);
  assert.match(nextLine(null), /`lockstep protect`/);
});
