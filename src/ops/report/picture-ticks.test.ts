import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { axisTicks } from "#ops/report/picture-ticks.ts";

function labels(from: string, to: string): string[] {
  const ms = (text: string): number => Temporal.Instant.from(text).epochMilliseconds;
  return axisTicks({ fromMs: ms(from), toMs: ms(to) }).map(({ label }) => label);
}

test("the longer the time, the wider apart the marks", () => {
  assert.deepEqual(labels("2026-01-30T12:00Z", "2026-02-02T12:00Z"), ["2026-01-31", "2026-02-01", "2026-02-02"]);
  assert.deepEqual(labels("2026-01-02T00:00Z", "2026-04-30T00:00Z"), ["2026-02", "2026-03", "2026-04"]);
  assert.deepEqual(labels("2026-06-01T00:00Z", "2030-02-01T00:00Z").slice(0, 3), ["2026-07", "2027-01", "2027-07"]);
  assert.deepEqual(labels("2020-05-01T00:00Z", "2030-02-01T00:00Z").at(-1), "2030");
});

test("marks are within the time, in order, and not too many", () => {
  const days = fc.double({ min: 0.1, max: 40_000, noNaN: true });
  fc.assert(
    fc.property(fc.nat(2 ** 41), days, (fromMs, length) => {
      const toMs = fromMs + length * 86_400_000;
      const at = axisTicks({ fromMs, toMs }).map(({ atMs }) => atMs);
      assert.ok(at.length <= 14);
      assert.ok(length < 1 || at.length > 0);
      assert.ok(at.every((ms, index) => ms >= (at[index - 1] ?? fromMs) && ms <= toMs));
    }),
  );
});
