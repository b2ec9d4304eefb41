import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { POINTER_BYTES } from "#vault/segments/pointer.ts";
import { blocksBelow, FAN_OUT, levelsFor, NODE_BYTES, parseNode, writeNode } from "#vault/tree/node.ts";

/** Nodes whose pointers are there or not, at random. */
const nodes = fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 9 })).map(([bitmap, level]) => {
  const pointers = new Uint8Array(NODE_BYTES);
  for (let i = 0; i < FAN_OUT; i++) {
    if (((bitmap >>> i) & 1) === 1) pointers.fill(i + 1, i * POINTER_BYTES, (i + 1) * POINTER_BYTES);
  }
  return { level, pointers };
});

test("a node is read as it was written, and absent pointers take no room", () => {
  fc.assert(
    fc.property(nodes, ({ level, pointers }) => {
      const bytes = writeNode(level, pointers);
      const present = new Set(pointers).size - (pointers.includes(0) ? 1 : 0);
      if (bytes === null) return assert.equal(present, 0);
      assert.equal(bytes.length, 8 + present * POINTER_BYTES);
      assert.deepEqual(parseNode(bytes, level), pointers);
    }),
  );
});

test("a node of another level, cut short or too long is refused with the field named", () => {
  const bytes = writeNode(2, new Uint8Array(NODE_BYTES).fill(1));
  assert.ok(bytes !== null);
  assert.throws(() => parseNode(bytes, 1), { code: "FIELD_CORRUPT", message: /level at byte 0: 2, not 1/ });
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => parseNode(bytes.subarray(0, length), 2), { code: "FIELD_CORRUPT", message: /at byte \d+/ });
  }
  assert.throws(
    () =>
      parseNode(
        new Uint8Array(bytes.length + 1).map((_, i) => bytes[i] ?? 0),
        2,
      ),
    /1 bytes too many/,
  );
});

test("no bytes make the parser throw anything but a LockstepError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 7 }), (bytes, level) => {
      try {
        assert.equal(parseNode(bytes, level).length, NODE_BYTES);
      } catch (error) {
        assert.ok(error instanceof LockstepError, String(error));
      }
    }),
  );
});

test("a tree has as many levels as its blocks need", () => {
  assert.deepEqual([1, 32, 33, 1024, 1025, 167_772_160].map(levelsFor), [1, 1, 2, 2, 3, 6]);
  assert.deepEqual([1, 2, 3].map(blocksBelow), [1, 32, 1024]);
});
