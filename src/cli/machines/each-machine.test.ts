import assert from "node:assert/strict";
import { test } from "node:test";

import { refuseAllWithNames, worst } from "#cli/machines/each-machine.ts";

test("the first failure decides the exit code; without one, whatever is not 0", () => {
  assert.equal(worst([]), 0);
  assert.equal(worst([0, 0]), 0);
  assert.equal(worst([0, 3, 0]), 3);
  assert.equal(worst([3, 75, 65]), 75);
});

test("--all and names exclude each other", () => {
  assert.throws(() => refuseAllWithNames("checking", ["web01"], true), { code: "ARGUMENT_INVALID" });
  refuseAllWithNames("checking", [], true);
  refuseAllWithNames("checking", ["web01"], false);
});
