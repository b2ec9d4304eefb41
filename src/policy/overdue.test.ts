import assert from "node:assert/strict";
import { test } from "node:test";

import { overdue } from "#policy/overdue.ts";

const last = Temporal.Instant.from("2026-11-20T12:00:00Z");

test("a point may be late by a quarter of the interval", () => {
  assert.equal(overdue(last, 24, last), null);
  assert.equal(overdue(last, 24, last.add({ hours: 30 })), null);
  assert.equal(
    overdue(last, 24, last.add({ hours: 30, milliseconds: 1 })),
    "the newest point is 1 day 6 h old, one is expected every 24 h",
  );
  assert.equal(
    overdue(last, 0.5, last.add({ minutes: 38 })),
    "the newest point is 38 min 00 s old, one is expected every 0.5 h",
  );
});

test("a machine without a point is overdue", () => {
  assert.equal(overdue(null, 24, last), "no point was taken yet");
});

test("a clock behind the newest point makes nothing overdue", () => {
  assert.equal(overdue(last, 24, last.subtract({ hours: 240 })), null);
});
