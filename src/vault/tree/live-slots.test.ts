import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { segmentId, sessionId } from "#vault/object/ids.ts";
import type { SegmentId } from "#vault/object/ids.ts";
import { POINTER_BYTES, writePointer } from "#vault/segments/pointer.ts";
import { LiveSlots, SlotBits } from "#vault/tree/live-slots.ts";

function pointerTo(segment: SegmentId, slot: number): Uint8Array {
  const pointer = new Uint8Array(POINTER_BYTES);
  writePointer(pointer, 0, { segment, slot, flags: 0, fingerprint: new Uint8Array(16).fill(0xff) });
  return pointer;
}

test("bits hold exactly the slots that were added, in order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(65_535)), (slots) => {
      const bits = new SlotBits();
      const model = new Set<number>();
      for (const slot of slots) assert.equal(bits.add(slot), !model.has(slot) && model.add(slot) !== undefined);
      const sorted = [...model].sort((a, b) => a - b);
      assert.deepEqual([...bits], sorted);
      assert.deepEqual([bits.size, bits.highest], [model.size, sorted.at(-1) ?? -1]);
    }),
  );
});

test("segments are told apart by every part of their names, and found by pointer and by name alike", () => {
  const part = fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff);
  const name = fc.tuple(part, part, part, part).map(([seq, low, high, counter]) => {
    const nonce = new Uint8Array(8);
    new DataView(nonce.buffer).setUint32(0, low);
    new DataView(nonce.buffer).setUint32(4, high);
    return segmentId(sessionId(seq, nonce), counter);
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.nat(300))), name, (reached, other) => {
      const live = new LiveSlots();
      const model = new Map<SegmentId, Set<number>>();
      for (const [segment, slot] of reached) {
        live.at(pointerTo(segment, slot), 0).slots.add(slot);
        model.set(segment, (model.get(segment) ?? new Set()).add(slot));
      }
      assert.equal(live.size, model.size);
      for (const { id, slots } of live) assert.deepEqual(new Set(slots), model.get(id));
      for (const [segment, slot] of reached) assert.ok(live.has(pointerTo(segment, slot), 0));
      assert.equal(live.get(other) !== undefined, model.has(other));
      assert.equal(live.has(pointerTo(other, 301), 0), false);
    }),
  );
});
