import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { freeStart } from "#ops/report/picture-labels.ts";

const bar = { from: 100, to: 200 };

test("a label begins at the left of its bar, or behind the marks that are there", () => {
  assert.equal(freeStart(bar, { radius: 5, at: [] }, 70), 103);
  assert.equal(freeStart(bar, { radius: 5, at: [190, 104] }, 60), 112);
  assert.equal(freeStart(bar, { radius: 5, at: [30, 300] }, 70), 103, "marks of other bars are beside it");
});

test("where there is no room there is no label", () => {
  assert.equal(freeStart(bar, { radius: 5, at: [] }, 98), null);
  assert.equal(freeStart(bar, { radius: 5, at: [150] }, 70), null);
});

test("no mark covers a label, and one is left out only where there is no room for it", () => {
  const places = fc.array(fc.integer({ min: 80, max: 220 }), { maxLength: 8 });
  fc.assert(
    fc.property(places, fc.integer({ min: 1, max: 120 }), (at, width) => {
      const isFree = (start: number): boolean =>
        start >= bar.from + 3 && start + width <= bar.to && at.every((x) => x + 8 <= start || x - 8 >= start + width);
      const first = Array.from({ length: 100 }, (_, index) => bar.from + index).find(isFree);
      assert.equal(freeStart(bar, { radius: 5, at }, width), first ?? null);
    }),
  );
});
