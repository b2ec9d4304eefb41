import assert from "node:assert/strict";
import { test } from "node:test";

import { lossBy, refuseOrder } from "#policy/version-change.ts";

const nowMs = Date.UTC(2026, 0, 1);
const past = nowMs - 1000;
const future = nowMs + 1000;

test("what would leave a version unusable, and what would not", () => {
  const usable = { enabled: true, activatesMs: null, expiresMs: null };
  const off = { enabled: false, activatesMs: future, expiresMs: past };
  for (const [before, change, loss] of [
    [usable, { enabled: false }, "disabling"],
    [usable, { activatesMs: future }, "putting off the activation of"],
    [usable, { expiresMs: past }, "back-dating the expiry of"],
    [usable, { expiresMs: nowMs }, "back-dating the expiry of"],
    [usable, {}, null],
    [usable, { enabled: true, activatesMs: past, expiresMs: future }, null],
    [usable, { activatesMs: null, expiresMs: null }, null],
    [off, { enabled: false, activatesMs: future, expiresMs: past }, null],
    [off, { activatesMs: future + 1 }, "putting off the activation of"],
  ] as const) {
    assert.equal(lossBy(before, change, nowMs), loss, JSON.stringify(change));
  }
});

test("a version may not expire before it becomes active", () => {
  for (const [activatesMs, expiresMs] of [
    [null, past],
    [future, null],
    [past, future],
  ] as const) {
    refuseOrder(activatesMs, expiresMs);
  }
  assert.throws(() => refuseOrder(future, past), { code: "ARGUMENT_INVALID" });
  assert.throws(() => refuseOrder(past, past), { code: "ARGUMENT_INVALID" });
});
