import assert from "node:assert/strict";
import { test } from "node:test";

import { formatDuration } from "#policy/duration.ts";

test("a duration is told in the two units that matter", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  for (const [ms, text] of [
    [-5, "0 s"],
    [47, "0.04 s"],
    [100, "0.1 s"],
    [999, "0.9 s"],
    [9999, "9.9 s"],
    [10_000, "10 s"],
    [31 * second, "31 s"],
    [minute, "1 min 00 s"],
    [2 * minute + 5 * second, "2 min 05 s"],
    [hour - 1, "59 min 59 s"],
    [3 * hour + 7 * minute, "3 h 07 min"],
    [24 * hour, "1 day 0 h"],
    [98 * hour + 59 * minute, "4 days 2 h"],
  ] as const) {
    assert.equal(formatDuration(ms), text);
  }
});
