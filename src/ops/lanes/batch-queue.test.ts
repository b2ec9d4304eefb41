import assert from "node:assert/strict";
import { test } from "node:test";

import { BatchQueue } from "#ops/lanes/batch-queue.ts";
import type { OpenTogether } from "#ops/lanes/batch-queue.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import { firstGeneration, newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, MachineId } from "#vault/object/ids.ts";
import { newSegmentCipher } from "#vault/segments/segment.ts";
import { openSlots, slotBatch } from "#vault/segments/slot-batch.ts";
import type { SlotBatch } from "#vault/segments/slot-batch.ts";
import { sealSlot } from "#vault/segments/slot.ts";

const random = seededRandom("batch queue");
const cipher = newSegmentCipher(testKeys(random), {
  machine: newId<MachineId>(random),
  disk: newId<DiskId>(random),
  kind: "data",
  segment: segmentId(sessionId(1, random(8)), 0),
  generation: firstGeneration,
});

/** A batch of one slot; `damaged`: its bytes are not what was sealed. */
function batchOf(slot: number, plainBytes: number, damaged = false): SlotBatch {
  const stored = new Uint8Array(plainBytes);
  const row = sealSlot(cipher, slot, random(plainBytes), false, stored, 0);
  assert.ok(row !== null);
  if (damaged) stored[0] = (stored[0] ?? 0) ^ 1;
  return slotBatch(cipher, stored, new Uint8Array(plainBytes), [{ slot, row, storedAt: 0, intoAt: 0 }]);
}

/** Opens batches when told to, and counts how many came together. */
function openerOnDemand(): { open: OpenTogether; sizes: number[]; goOn: () => void } {
  const held: (() => void)[] = [];
  const sizes: number[] = [];
  const open: OpenTogether = async (batches) => {
    sizes.push(batches.length);
    await new Promise<void>((resolve) => held.push(resolve));
    return batches.map(openSlots);
  };
  return { open, sizes, goOn: () => held.shift()?.() };
}

test("the first batches go at once, and those that come meanwhile go together, each with its own answer", async () => {
  const { open, sizes, goOn } = openerOnDemand();
  const queue = new BatchQueue(open, 2);
  const answers = [3, 4, 5, 6, 7].map((slot) => queue.add(batchOf(slot, 1000, slot === 6)));
  assert.deepEqual(sizes, [1, 1]);
  goOn();
  await answers[0];
  goOn();
  await answers[1];
  assert.deepEqual(sizes, [1, 1, 3]);
  goOn();
  assert.deepEqual(await Promise.all(answers), [[], [], [], [6], []]);
});

test("no more than two MiB go together, unless one batch is larger", async () => {
  const { open, sizes, goOn } = openerOnDemand();
  const queue = new BatchQueue(open, 1);
  const answers = [1000, 1_200_000, 1_200_000, 4_000_000, 1000].map((bytes, slot) => queue.add(batchOf(slot, bytes)));
  for (const answer of [answers[0], answers[2], answers[3], answers[4]]) {
    goOn();
    await answer;
  }
  assert.deepEqual(sizes, [1, 2, 1, 1]);
});

test("what fails fails all that went along, and what comes later is tried", async () => {
  let calls = 0;
  const queue = new BatchQueue(async (batches) => {
    await Promise.resolve();
    if (++calls === 2) throw new Error("the lane ended");
    return batches.map(openSlots);
  }, 1);
  const [first, ...others] = [1, 2, 3].map((slot) => queue.add(batchOf(slot, 100)));
  assert.deepEqual(await first, []);
  for (const other of others) await assert.rejects(other, /the lane ended/);
  assert.deepEqual(await queue.add(batchOf(4, 100, true)), [4]);
});

test("an opener that leaves out an answer is a failure, not good bytes", async () => {
  const queue = new BatchQueue(() => Promise.resolve([]), 1);
  await assert.rejects(queue.add(batchOf(1, 100)), /0 answers to 1 batches/);
});
