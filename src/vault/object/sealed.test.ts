import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import { HEADER_BYTES } from "#vault/object/header.ts";
import { openObject, sealObject } from "#vault/object/sealed.ts";

const random = seededRandom("sealed");
const keys = testKeys(random);
const KEY = "machines/m/log/00000001";

test("what was sealed opens at its place, and compressible payloads take less room", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (plain) => {
      const sealed = sealObject(keys, "entr", KEY, plain, random);
      assert.deepEqual(Buffer.from(openObject(keys, "entr", KEY, sealed)), Buffer.from(plain));
    }),
  );
  assert.ok(sealObject(keys, "entr", KEY, new Uint8Array(100_000), random).length < 1000);
});

test("sealing the same bytes twice gives two objects under two keys", () => {
  const one = sealObject(keys, "entr", KEY, utf8("same"), random);
  const two = sealObject(keys, "entr", KEY, utf8("same"), random);
  assert.notDeepEqual(one.subarray(32, 48), two.subarray(32, 48));
  assert.notDeepEqual(one.subarray(HEADER_BYTES), two.subarray(HEADER_BYTES));
});

test("an object moved to another place, or taken for another kind, is refused", () => {
  const sealed = sealObject(keys, "entr", KEY, utf8("entry"), random);
  assert.throws(() => openObject(keys, "entr", "machines/m/log/00000002", sealed), { code: "OBJECT_CORRUPT" });
  assert.throws(() => openObject(keys, "body", KEY, sealed), { code: "OBJECT_CORRUPT" });
});

test("an object of another vault or of an unknown data key is refused", () => {
  const sealed = sealObject(keys, "entr", KEY, utf8("entry"), random);
  const other = testKeys(random);
  assert.throws(() => openObject(other, "entr", KEY, sealed), { code: "OBJECT_CORRUPT" });
  const none = { ...keys, epochs: new Map() };
  assert.throws(() => openObject(none, "entr", KEY, sealed), { code: "OBJECT_CORRUPT", message: /data key 1/ });
});

test("any byte changed, and any cut, is refused; reserved bytes too, since they are bound", () => {
  for (const plain of [utf8("a short payload"), new Uint8Array(3000)]) {
    const sealed = sealObject(keys, "entr", KEY, plain, random);
    for (let at = 0; at < sealed.length; at++) {
      const bad = sealed.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      assert.throws(
        () => openObject(keys, "entr", KEY, bad),
        (error) => error instanceof LockstepError,
        `byte ${at}`,
      );
      assert.throws(() => openObject(keys, "entr", KEY, sealed.subarray(0, at)), { code: "OBJECT_CORRUPT" });
    }
  }
});

test("a newer version or an unknown incompatible flag asks for an update, a compatible flag does not matter to the header", () => {
  const sealed = sealObject(keys, "entr", KEY, utf8("x"), random);
  for (const [at, value] of [
    [12, 2],
    [16, 2],
    [19, 0x80],
  ] as const) {
    const newer = sealed.slice();
    newer[at] = value;
    assert.throws(() => openObject(keys, "entr", KEY, newer), { code: "VAULT_NEWER", hint: /Update/ });
  }
});
