import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { LockstepError } from "#errors/errors.ts";
import { entry } from "#testing/volumes/bitlocker-entry-maker.ts";
import { keyOf, parseEntries, sealedOf } from "#volume/bitlocker/entries.ts";

test("entries are read as they were written, in order, up to the end or an entry of size 0", () => {
  const made = fc.record({
    type: fc.nat(0xffff),
    value: fc.nat(0xffff),
    data: fc.uint8Array({ maxLength: 20 }),
  });
  const behind = fc.oneof(
    fc.nat(7).map((length) => new Uint8Array(length)),
    fc.uint8Array({ minLength: 8, maxLength: 20 }).map((bytes) => concat(new Uint8Array(2), bytes)),
  );
  fc.assert(
    fc.property(fc.array(made), behind, (list, rest) => {
      const written = list.map(({ type, value, data }) => entry(type, value, data));
      const read = parseEntries(concat(...written, rest), "list");
      assert.deepEqual(
        read.map(({ type, value, data }) => ({ type, value, data: Uint8Array.from(data) })),
        list.map(({ type, value, data }) => ({ type, value, data: Uint8Array.from(data) })),
      );
      assert.deepEqual(
        read.map(({ bytes }) => Uint8Array.from(bytes)),
        written,
      );
    }),
  );
});

test("entries that do not fit are refused, with their place", () => {
  const first = entry(1, 2, new Uint8Array(4));
  for (const [bytes, message] of [
    [Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0), "list: entry 2: size at byte 12: 7 is less than its own head"],
    [Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0), "list: entry 2: data at byte 20: needs 1 bytes, 0 left"],
    [Uint8Array.of(9, 0, 0), "list: entry 2: type at byte 14: needs 2 bytes, 1 left"],
    [Uint8Array.of(1), "list: entry 2: size at byte 12: needs 2 bytes, 1 left"],
  ] as const) {
    assert.throws(() => parseEntries(concat(first, bytes), "list"), { code: "FIELD_CORRUPT", message });
  }
});

test("keys that are too short are refused", () => {
  const [sealed, key] = parseEntries(concat(entry(0, 5, new Uint8Array(27)), entry(0, 1, new Uint8Array(3))), "list");
  assert.throws(() => sealedOf(sealed ?? assert.fail()), { message: /tag at byte 12: needs 16 bytes, 15 left/ });
  assert.throws(() => keyOf(key ?? assert.fail()), { message: /method, upper half at byte 2: needs 2 bytes, 1 left/ });
});

test("no bytes make it throw anything but a LockstepError, or give more entries than fit", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        assert.ok(parseEntries(bytes, "list").length <= bytes.length / 8);
      } catch (error) {
        assert.ok(error instanceof LockstepError, String(error));
      }
    }),
  );
});
