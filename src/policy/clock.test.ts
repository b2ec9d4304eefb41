import assert from "node:assert/strict";
import { test } from "node:test";

import { clockMayBeAheadMs, judgeClock } from "#policy/clock.ts";
import { SOFT_DELETE_DAYS } from "#policy/soft-delete.ts";

const trustedAt = Temporal.Instant.from("2026-11-23T14:05:00Z");
const after = (hours: number, milliseconds = 0) =>
  judgeClock({ trustedAt, now: trustedAt.add({ hours, milliseconds }) });

test("a clock within an hour behind and ten days ahead is believed", () => {
  for (const hours of [-1, 0, 24, 10 * 24]) assert.equal(after(hours), "ok");
});

test("a clock beyond that is doubted, and the words say how far off it is", () => {
  assert.deepEqual(after(-1, -1), { doubtful: "the clock is 1 h 00 min behind the log's newest entry" });
  assert.deepEqual(after(10 * 24, 1), { doubtful: "the clock is 10 days 0 h ahead of the log's newest entry" });
  assert.deepEqual(after(24 * 365 * 4), { doubtful: "the clock is 1460 days 0 h ahead of the log's newest entry" });
});

test("the first entry of a log is believed", () => {
  assert.equal(judgeClock({ trustedAt: null, now: trustedAt }), "ok");
});

test("a leap that goes unnoticed leaves a deleted point four days, and a weekly backup that is late is not doubted", () => {
  const dayMs = 24 * 3_600_000;
  assert.ok(clockMayBeAheadMs <= (SOFT_DELETE_DAYS - 4) * dayMs);
  assert.ok(clockMayBeAheadMs >= (7 + 3) * dayMs);
});
