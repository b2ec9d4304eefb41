import assert from "node:assert/strict";
import { test } from "node:test";

import { equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { fromHex, hex } from "#bytes/text.ts";
import { seededRandom } from "#testing/random.ts";
import { keyPairOf, unwrapFromWay, wrapToWay } from "#vault/keyring/unlock-way-exchange.ts";
import type { WayId } from "#vault/keyring/unlock-way.ts";
import { newId } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";

const random = seededRandom("exchange");
const pair = keyPairOf(new Secret(random(32)));
const key = new Secret(random(32));
const context = { vaultId: newId<VaultId>(random), generation: 7, wayId: hex(random(16)) as WayId };

test("the public key of a private key is the one of RFC 7748, section 6.1", () => {
  const bob = fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  assert.ok(bob);
  const publicKey = hex(keyPairOf(new Secret(bob)).publicKey);
  assert.equal(publicKey, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
});

test("what is sealed to a way opens with its private key, in its place only", () => {
  const wrapped = wrapToWay(context, pair.publicKey, key, random);
  const opened = unwrapFromWay(context, pair, wrapped);
  assert.ok(opened !== null && equalBytes(opened.bytes, key.bytes));
  assert.equal(unwrapFromWay(context, keyPairOf(new Secret(random(32))), wrapped), null);
  for (const change of [{ vaultId: newId<VaultId>(random) }, { generation: 8 }, { wayId: hex(random(16)) as WayId }]) {
    assert.equal(unwrapFromWay({ ...context, ...change }, pair, wrapped), null);
  }
});

test("any bit changed makes it another thing that does not open", () => {
  const { ephemeralKey, wrappedKey } = wrapToWay(context, pair.publicKey, key, random);
  for (let at = 0; at < ephemeralKey.length; at++) {
    const changed = ephemeralKey.with(at, (ephemeralKey[at] ?? 0) ^ 0x80);
    assert.equal(unwrapFromWay(context, pair, { ephemeralKey: changed, wrappedKey }), null);
  }
  for (let at = 0; at < wrappedKey.length; at++) {
    const changed = wrappedKey.with(at, (wrappedKey[at] ?? 0) ^ 1);
    assert.equal(unwrapFromWay(context, pair, { ephemeralKey, wrappedKey: changed }), null);
  }
});

test("an ephemeral key of low order does not open, and does not throw", () => {
  const { wrappedKey } = wrapToWay(context, pair.publicKey, key, random);
  for (const ephemeralKey of [new Uint8Array(32), new Uint8Array(32).with(0, 1)]) {
    assert.equal(unwrapFromWay(context, pair, { ephemeralKey, wrappedKey }), null);
  }
});
