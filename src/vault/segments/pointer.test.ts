import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { segmentId, sessionId } from "#vault/object/ids.ts";
import {
  fingerprintAt,
  flagsAt,
  isZeroPointer,
  parsePointer,
  POINTER_BYTES,
  rootFromText,
  rootToText,
  sameSegment,
  segmentAt,
  slotAt,
  writePointer,
} from "#vault/segments/pointer.ts";

const pointers = fc.record(
  {
    segment: fc
      .tuple(
        fc.integer({ min: 1, max: 0xffff_ffff }),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.nat(0xffff_ffff),
      )
      .map(([seq, nonce, counter]) => segmentId(sessionId(seq, nonce), counter)),
    slot: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    fingerprint: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  },
  { noNullPrototype: true },
);

test("a pointer is read as it was written, wherever it lies, and touches no byte beside it", () => {
  fc.assert(
    fc.property(pointers, fc.nat(50), (pointer, at) => {
      const bytes = new Uint8Array(at + POINTER_BYTES + 5).fill(0xee);
      writePointer(bytes, at, pointer);
      assert.deepEqual(parsePointer(bytes, at), pointer);
      assert.equal(segmentAt(bytes, at), pointer.segment);
      assert.equal(slotAt(bytes, at), pointer.slot);
      assert.equal(flagsAt(bytes, at), pointer.flags);
      assert.deepEqual(fingerprintAt(bytes, at), pointer.fingerprint);
      assert.ok(bytes.subarray(0, at).every((byte) => byte === 0xee));
      assert.ok(bytes.subarray(at + POINTER_BYTES).every((byte) => byte === 0xee));
    }),
  );
});

test("36 zero bytes are no pointer", () => {
  assert.equal(isZeroPointer(new Uint8Array(POINTER_BYTES), 0), true);
  assert.equal(parsePointer(new Uint8Array(POINTER_BYTES), 0), null);
});

test("segments are the same when all of session, nonce and counter are", () => {
  fc.assert(
    fc.property(pointers, pointers, (a, b) => {
      const bytes = new Uint8Array(2 * POINTER_BYTES);
      writePointer(bytes, 0, a);
      writePointer(bytes, POINTER_BYTES, b);
      assert.equal(sameSegment(bytes, 0, bytes, POINTER_BYTES), a.segment === b.segment);
      writePointer(bytes, POINTER_BYTES, { ...b, segment: a.segment });
      assert.equal(sameSegment(bytes, 0, bytes, POINTER_BYTES), true);
    }),
  );
});

test("a root travels as text, and text that is no pointer is refused", () => {
  assert.equal(rootToText(null), null);
  assert.equal(rootFromText(null), null);
  const root = new Uint8Array(POINTER_BYTES).fill(1);
  assert.deepEqual(rootFromText(rootToText(root)), root);
  for (const text of ["", "AAAA", Buffer.alloc(36).toString("base64"), Buffer.alloc(40, 1).toString("base64"), "%"]) {
    assert.throws(() => rootFromText(text), { code: "FIELD_CORRUPT" });
  }
});
