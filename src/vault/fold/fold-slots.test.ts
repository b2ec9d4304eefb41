import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { SlotRanges } from "#vault/entry/entry.ts";
import { formatSlots, hasSlot, uniteSlots, withoutSlots } from "#vault/fold/fold-slots.ts";

const someSlots = fc.uniqueArray(fc.nat(30));

function rangesOf(slots: Iterable<number>): SlotRanges {
  const ranges: [number, number][] = [];
  for (const slot of [...slots].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === slot) last[1]++;
    else ranges.push([slot, 1]);
  }
  return ranges;
}

test("ranges unite and shrink as sets of slots do", () => {
  const agrees = (a: number[], b: number[]): void => {
    const [x, y] = [new Set(a), new Set(b)];
    assert.deepEqual(uniteSlots(rangesOf(x), rangesOf(y)), rangesOf(x.union(y)));
    assert.deepEqual(withoutSlots(rangesOf(x), b), rangesOf(x.difference(y)));
    for (let slot = 0; slot < 32; slot++) assert.equal(hasSlot(rangesOf(x), slot), x.has(slot));
  };
  fc.assert(fc.property(someSlots, someSlots, agrees));
});

test("people read slots as ranges", () => {
  assert.equal(formatSlots([5, 0, 1, 2, 7, 8]), "0-2, 5, 7-8");
  assert.equal(formatSlots([]), "");
});
