import assert from "node:assert/strict";
import { test } from "node:test";

import { equalBytes } from "#bytes/arrays.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import { firstGeneration, newId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, MachineId } from "#vault/object/ids.ts";
import { newSegmentCipher } from "#vault/segments/segment.ts";
import { openSlots, slotBatch } from "#vault/segments/slot-batch.ts";
import { sealSlot } from "#vault/segments/slot.ts";

const random = seededRandom("slot batch");
const cipher = newSegmentCipher(testKeys(random), {
  machine: newId<MachineId>(random),
  disk: newId<DiskId>(random),
  kind: "data",
  segment: segmentId(sessionId(1, random(8)), 0),
  generation: firstGeneration,
});

/** Three sealed slots, the second one compressed, one after the other. */
function sealed(): { stored: Uint8Array; plains: Uint8Array[]; places: Parameters<typeof slotBatch>[3] } {
  const plains = [random(5000), new Uint8Array(5000).fill(7), random(300)];
  const stored = new Uint8Array(16_384);
  let storedAt = 0;
  const places = plains.map((plain, slot) => {
    const row = sealSlot(cipher, slot, plain, slot === 1, stored, storedAt);
    assert.ok(row !== null);
    const place = { slot, row, storedAt, intoAt: slot * 5000 };
    storedAt += row.storedBytes;
    return place;
  });
  return { stored, plains, places };
}

test("slots of a batch are opened to their places, compressed or not, in whatever order they come", () => {
  const { stored, plains, places } = sealed();
  const into = new Uint8Array(15_000);
  assert.deepEqual(openSlots(slotBatch(cipher, stored, into, places.toReversed())), []);
  for (const [slot, plain] of plains.entries()) {
    assert.ok(equalBytes(into.subarray(slot * 5000, slot * 5000 + plain.length), plain), `slot ${slot}`);
  }
});

test("a slot whose bytes are not what was sealed is named, and the others are opened", () => {
  const { stored, plains, places } = sealed();
  const second = places[1];
  assert.ok(second !== undefined);
  stored[second.storedAt + 3] = (stored[second.storedAt + 3] ?? 0) ^ 1;
  const into = new Uint8Array(15_000);
  assert.deepEqual(openSlots(slotBatch(cipher, stored, into, places)), [1]);
  assert.ok(equalBytes(into.subarray(10_000, 10_300), plains[2] ?? new Uint8Array()));
});

test("the plaintext may take its ciphertext's place", () => {
  const { stored, plains, places } = sealed();
  const first = places.slice(0, 1);
  assert.deepEqual(openSlots(slotBatch(cipher, stored, stored, first)), []);
  assert.ok(equalBytes(stored.subarray(0, 5000), plains[0] ?? new Uint8Array()));
});
