import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { KeyRing, signedBytes, signingPublicOf, unwrapKey, unwrapWith } from "#keys/store/key-ring.ts";
import { seededRandom } from "#testing/random.ts";

const random = seededRandom("key ring");

function secretOf(fill: number): Secret {
  return new Secret(new Uint8Array(32).fill(fill));
}

function newRing(): KeyRing {
  return new KeyRing(new Map([[1, secretOf(1)]]), 1, secretOf(3));
}

test("a value that was wrapped is unwrapped under its name", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      using ring = newRing();
      const wrapped = ring.wrap("version 1", new Secret(Uint8Array.from(bytes)), random);
      assert.equal(hex(ring.unwrap("version 1", wrapped).bytes), hex(bytes));
    }),
  );
});

test("under another name, by another key, or with any byte changed, it is refused", () => {
  using ring = newRing();
  ring.add(2, secretOf(1));
  const wrapped = { ...ring.wrap("version 1", new Secret(utf8("a value")), random) };
  assert.equal(wrapped.wrapping, 2);
  assert.throws(() => ring.unwrap("version 2", wrapped), { code: "KEY_STORE_CORRUPT", message: /version 2/ });
  assert.throws(() => ring.unwrap("version 1", { ...wrapped, wrapping: 1 }), { code: "KEY_STORE_CORRUPT" });
  assert.throws(() => ring.unwrap("version 1", { ...wrapped, wrapping: 9 }), { code: "KEY_STORE_CORRUPT" });
  for (let at = 0; at < wrapped.value.length; at++) {
    const value = wrapped.value.with(at, (wrapped.value[at] ?? 0) ^ 1);
    assert.throws(() => ring.unwrap("version 1", { ...wrapped, value }), { code: "KEY_STORE_CORRUPT" }, String(at));
  }
  for (let length = 0; length < wrapped.value.length; length++) {
    const value = wrapped.value.subarray(0, length);
    assert.throws(() => ring.unwrap("version 1", { ...wrapped, value }), { code: "KEY_STORE_CORRUPT" }, String(length));
  }
});

test("a key that was dropped opens nothing any more", () => {
  using ring = newRing();
  const old = ring.wrap("a", new Secret(utf8("x")), random);
  ring.add(2, secretOf(2));
  assert.equal(hex(ring.unwrap("a", old).bytes), hex(utf8("x")));
  ring.drop(1);
  assert.throws(() => ring.unwrap("a", old), { code: "KEY_STORE_CORRUPT" });
});

test("its keys are wrapped by a root key, each under its number", () => {
  using ring = newRing();
  ring.add(2, secretOf(2));
  const root = { number: 5, key: secretOf(8) };
  const wrapped = ring.wrapKeys(root, random);
  for (const number of [1, 2]) {
    const bytes = wrapped.get(number) ?? new Uint8Array(0);
    assert.equal(hex(unwrapKey(root, number, bytes).bytes), `0${number}`.repeat(32));
    assert.throws(() => unwrapKey(root, 3 - number, bytes), { code: "KEY_STORE_CORRUPT" });
    assert.throws(() => unwrapKey({ ...root, number: 6 }, number, bytes), { code: "KEY_STORE_CORRUPT" });
  }
});

test("a signature is good for its purpose and bytes only", () => {
  using ring = newRing();
  const publicKey = signingPublicOf(secretOf(3));
  const bytes = utf8("what is signed");
  const signature = ring.sign("copy", bytes);
  assert.equal(isSignedBy(publicKey, signedBytes("copy", bytes), signature), true);
  assert.equal(isSignedBy(publicKey, signedBytes("receipt", bytes), signature), false);
  assert.equal(isSignedBy(publicKey, signedBytes("copy", utf8("something else")), signature), false);
  assert.equal(isSignedBy(signingPublicOf(secretOf(4)), signedBytes("copy", bytes), signature), false);
});

test("a ring that was disposed of has wiped its keys", () => {
  const key = secretOf(1);
  const ring = new KeyRing(new Map([[1, key]]), 1, secretOf(3));
  const wrapped = ring.wrap("a", new Secret(utf8("x")), random);
  ring[Symbol.dispose]();
  assert.equal(hex(key.bytes), "00".repeat(32));
  assert.throws(() => ring.unwrap("a", wrapped), { code: "KEY_STORE_CORRUPT" });
});

test("a value is nonce, ciphertext and tag, as docs/format/key-store.md says", () => {
  using ring = newRing();
  const { value } = ring.wrap("a", new Secret(utf8("four")), random);
  assert.equal(value.length, 12 + 4 + 16);
  assert.equal(hex(unwrapWith(secretOf(1), 1, "a", value).bytes), hex(utf8("four")));
});
