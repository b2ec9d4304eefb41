import assert from "node:assert/strict";
import { test } from "node:test";

import { ProgressRate } from "#cli/output/progress-rate.ts";

test("there is no rate before a second has passed", () => {
  const rate = new ProgressRate();
  assert.equal(rate.bytesPerMs(0, 0), null);
  rate.record(0, 0);
  assert.equal(rate.bytesPerMs(999, 5000), null);
  assert.equal(rate.bytesPerMs(1000, 5000), 5);
});

test("a rate follows the last seconds, not the whole", () => {
  const rate = new ProgressRate();
  for (let ms = 0; ms <= 60_000; ms += 100) rate.record(ms, ms * 10);
  for (let ms = 60_100; ms <= 90_000; ms += 100) rate.record(ms, 600_000 + (ms - 60_000));
  assert.equal(rate.bytesPerMs(90_000, 630_000), 1);
});

test("a stall pulls the rate down", () => {
  const rate = new ProgressRate();
  rate.record(0, 0);
  rate.record(1000, 1000);
  assert.equal(rate.bytesPerMs(100_000, 1000), 0.01);
});
