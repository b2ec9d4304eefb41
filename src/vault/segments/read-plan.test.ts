import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { seededRandom } from "#testing/random.ts";
import { newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { POINTER_BYTES, writePointer } from "#vault/segments/pointer.ts";
import { ReadPlan } from "#vault/segments/read-plan.ts";

const random = seededRandom("plan");
const disk = newId<DiskId>(random);
const session = sessionId(3, random(8));
const fingerprint = random(16);

function planOf(places: readonly (readonly [counter: number, slot: number])[]): ReadPlan {
  const plan = new ReadPlan(disk, places.length);
  const pointer = new Uint8Array(POINTER_BYTES);
  for (const [block, [counter, slot]] of places.entries()) {
    writePointer(pointer, 0, { segment: segmentId(session, counter), slot, flags: 0, fingerprint });
    plan.add(block, pointer, 0);
  }
  return plan;
}

test("a plan reads every block once, from its own place, in the order of segments and slots", () => {
  const places = fc.uniqueArray(fc.tuple(fc.nat(5), fc.nat(200)), {
    maxLength: 100,
    selector: ([c, s]) => c * 1000 + s,
  });
  fc.assert(
    fc.property(places, fc.integer({ min: 1, max: 40 }), fc.nat(3), (all, maxSlots, maxGap) => {
      const runs = [...planOf(all).runs(maxSlots, maxGap)];
      const read = runs.flatMap(({ ref, slots, blocks }) =>
        slots.map((slot, i) => ({ segment: ref.segment, slot, block: blocks[i] ?? -1 })),
      );
      assert.equal(read.length, all.length);
      for (const { segment, slot, block } of read) {
        assert.deepEqual([segment, slot], [segmentId(session, all[block]?.[0] ?? -1), all[block]?.[1]]);
      }
      const order = read.map(({ segment, slot }) => `${segment}/${String(slot).padStart(5, "0")}`);
      assert.deepEqual(order, order.toSorted());
      for (const { slots } of runs) {
        assert.ok((slots.at(-1) ?? 0) - (slots[0] ?? 0) < maxSlots);
        for (let i = 1; i < slots.length; i++) assert.ok((slots[i] ?? 0) - (slots[i - 1] ?? 0) <= maxGap + 1);
      }
    }),
  );
});

test("neighbours are read together", () => {
  const runs = [
    ...planOf([
      [1, 4],
      [0, 1],
      [0, 0],
      [1, 5],
      [0, 2],
    ]).runs(64, 0),
  ];
  assert.deepEqual(
    runs.map(({ slots }) => slots),
    [
      [0, 1, 2],
      [4, 5],
    ],
  );
  assert.deepEqual(
    runs.map(({ blocks }) => blocks),
    [
      [2, 1, 4],
      [0, 3],
    ],
  );
});
