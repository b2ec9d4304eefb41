import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { batchesOf, isDense } from "#ops/restore/restore-batches.ts";
import { seededRandom } from "#testing/random.ts";
import { newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId } from "#vault/object/ids.ts";
import type { ReadRun } from "#vault/segments/read-plan.ts";

const random = seededRandom("restore batches");
const disk = newId<DiskId>(random);
const session = sessionId(1, random(8));

/** A run of these slots, whose blocks are numbered a thousand higher. */
function runOf(segment: number, slots: readonly number[]): ReadRun {
  const ref = { disk, kind: "data", segment: segmentId(session, segment) } as const;
  return { ref, slots, blocks: slots.map((slot) => slot + 1000) };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("a run is dense where sixteen blocks or more are neighbours in the segment and on the disk", () => {
  const run = runOf(0, upTo(16));
  assert.ok(isDense(run));
  assert.ok(!isDense(runOf(0, upTo(15))));
  assert.ok(!isDense(runOf(0, [...upTo(16), 17])));
  assert.ok(!isDense({ ...run, blocks: run.blocks.toReversed() }));
});

test("runs are read one behind the other, with room for their gaps, until the buffer is full", () => {
  const batches = [...batchesOf([runOf(0, [3, 5]), runOf(1, [0]), runOf(1, [9, 10]), runOf(2, [4])], 6)];
  const shown = batches.map((batch) => batch.map(({ run, atSlot }) => [atSlot, ...run.slots]));
  assert.deepEqual(shown, [
    [
      [0, 3, 5],
      [3, 0],
      [4, 9, 10],
    ],
    [[0, 4]],
  ]);
});

test("a run that does not fit a buffer is cut, and no buffer begins with a gap", () => {
  const shown = [...batchesOf([runOf(0, [0, 1, 5, 6, 7, 8, 20])], 4)].map((batch) =>
    batch.map(({ run, atSlot }) => [atSlot, ...run.slots]),
  );
  assert.deepEqual(shown, [[[0, 0, 1]], [[0, 5, 6, 7, 8]], [[0, 20]]]);
});

test("every slot is read once, in order, with its block, and no two runs overlap in a buffer", () => {
  const slots = fc.uniqueArray(fc.nat(200), { minLength: 1 }).map((all) => all.toSorted((a, b) => a - b));
  const check = (lists: number[][], most: number): void => {
    const runs = lists.map((list, segment) => runOf(segment, list));
    const got: [string, number, number][] = [];
    for (const batch of batchesOf(runs, most)) {
      let free = 0;
      for (const { run, atSlot } of batch) {
        assert.equal(atSlot, free);
        free += (run.slots.at(-1) ?? 0) - (run.slots[0] ?? 0) + 1;
        for (const [index, slot] of run.slots.entries()) got.push([run.ref.segment, slot, run.blocks[index] ?? -1]);
      }
      assert.ok(free > 0 && free <= most);
    }
    const wanted = runs.flatMap((run) => run.slots.map((slot) => [run.ref.segment, slot, slot + 1000]));
    assert.deepEqual(got, wanted);
  };
  fc.assert(fc.property(fc.array(slots, { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), check));
});
