import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { packRows } from "#ops/report/picture-rows.ts";

test("spans that follow each other share a row", () => {
  const span = (fromMs: number, toMs: number) => ({ fromMs, toMs });
  assert.deepEqual(packRows([span(0, 10), span(10, 20), span(5, 15), span(15, 30)]), [0, 0, 1, 1]);
});

test("no two in a row overlap, and there are only as many rows as overlap at once", () => {
  const spans = fc.array(
    fc
      .tuple(fc.nat(100), fc.integer({ min: 1, max: 50 }))
      .map(([fromMs, length]) => ({ fromMs, toMs: fromMs + length })),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(spans, (all) => {
      const rows = packRows(all);
      for (const [a, one] of all.entries()) {
        for (const [b, other] of all.entries()) {
          const overlap = one.fromMs < other.toMs && other.fromMs < one.toMs;
          if (a !== b && overlap) assert.notEqual(rows[a], rows[b]);
        }
      }
      const atOnce = all.map(({ fromMs: at }) => all.filter(({ fromMs, toMs }) => fromMs <= at && at < toMs).length);
      assert.equal(Math.max(-1, ...rows) + 1, Math.max(0, ...atOnce));
    }),
  );
});
