import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { bekFile, bytesFrom, entry, guidBytes, u32 } from "#testing/volumes/bitlocker-entry-maker.ts";
import { parseStartupKey } from "#volume/bitlocker/bek.ts";

const GUID = "4a5b6c7d-1111-2222-3333-445566778899";
const key = bytesFrom("startup key", 32);
const file = bekFile(GUID, key);
const parse = (bytes: Uint8Array): { protector: string; key: Secret } => parseStartupKey(new Secret(bytes));

test("a startup key's file gives its key and the protector that it is for", () => {
  assert.equal(file.length, 156, "as Windows writes it");
  const read = parse(file);
  assert.equal(read.protector, GUID);
  assert.deepEqual(read.key.bytes, key);
});

test("entries that Windows 11 adds, and bytes behind the file's end, are passed over", () => {
  const more = entry(0x19, 0x17, guidBytes(GUID));
  for (const bytes of [bekFile(GUID, key, more), concat(file, new Uint8Array(100))]) {
    assert.deepEqual(parse(bytes).key.bytes, key);
  }
});

test("a file that was cut anywhere is refused", () => {
  for (let length = 0; length < file.length; length++) {
    assert.throws(() => parse(file.slice(0, length)), { code: "SECRET_INVALID", message: /^BitLocker startup key: / });
  }
});

for (const [name, at, bytes, reason] of [
  ["version", 4, u32(2), /its version is 2, known is 1/],
  ["size of its head", 8, u32(47), /a head of 47 bytes is not allowed/],
  ["size", 0, u32(157), /it has 156 bytes of 157/],
  ["size", 0, u32(40), /a head of 48 bytes is not allowed/],
  ["GUID", 16, Uint8Array.of(0), /its head and its key have different GUIDs/],
  ["entry's size", 48, Uint8Array.of(7, 0), /entry 1: size at byte 0: 7 is less than its own head/],
  ["entry's size", 48, Uint8Array.of(109, 0), /entry 1: data at byte 8: needs 101 bytes, 100 left/],
  ["entry's value type", 52, Uint8Array.of(8), /there is no key in it/],
  ["key's value type", 116, Uint8Array.of(8), /there is no key in it/],
] as const) {
  test(`a startup key with a wrong ${name} (${reason.source}) is refused`, () => {
    const wrong = Uint8Array.from(file);
    wrong.set(bytes, at);
    assert.throws(() => parse(wrong), { code: "SECRET_INVALID", message: reason });
  });
}

test("a key of another length is refused", () => {
  for (const length of [0, 31, 33]) {
    const message = `BitLocker startup key: its key has ${length} bytes instead of 32`;
    assert.throws(() => parse(bekFile(GUID, bytesFrom("key", length))), { code: "SECRET_INVALID", message });
  }
});

test("no bytes at all make it throw anything else", () => {
  const changed = fc.tuple(fc.nat(file.length - 1), fc.nat(255)).map(([at, to]) => file.with(at, to));
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      try {
        parse(Uint8Array.from(bytes));
      } catch (error) {
        assert.ok(error instanceof LockstepError && error.code === "SECRET_INVALID", String(error));
      }
    }),
  );
});
