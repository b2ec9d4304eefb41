import assert from "node:assert/strict";
import { test } from "node:test";

import { freeKeyslots } from "#keys/bindings/free-keyslots.ts";
import { Luks2Maker, put } from "#testing/volumes/luks2-maker.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();

function freeOf(maker: Luks2Maker, keyBytes = 32): Promise<readonly number[] | null> {
  return freeKeyslots(memorySource(maker.written()), keyBytes, signal);
}

test("LUKS2 has 32 keyslots, as long as there is a gap for their key material", async () => {
  const maker = Luks2Maker.make("free", [
    { number: 0, passphrase: "a" },
    { number: 2, passphrase: "b" },
  ]);
  const free = await freeOf(maker);
  assert.equal(free?.length, 30);
  assert.deepEqual(free?.slice(0, 3), [1, 3, 4]);
});

test("LUKS2 is full when its areas are, though it has numbers left", async () => {
  const maker = Luks2Maker.make("full", [
    { number: 0, passphrase: "a" },
    { number: 1, passphrase: "b" },
    { number: 2, passphrase: "c" },
  ]);
  assert.deepEqual(await freeOf(maker), []);
});

test("a gap counts only when it takes the key material of this volume key", async () => {
  const maker = Luks2Maker.make("gap", [
    { number: 0, passphrase: "a" },
    { number: 2, passphrase: "b" },
  ]);
  assert.notDeepEqual(await freeOf(maker, 32), []);
  assert.deepEqual(await freeOf(maker, 33), []);
});

test("a keyslot of a type that is not known is not free, and neither is its area", async () => {
  const maker = Luks2Maker.make("other", [{ number: 0, passphrase: "a" }]);
  const area = { type: "raw", offset: String(0x28000), size: String(0x40000), encryption: "none", key_size: 1 };
  put(maker.json, "keyslots.1", { type: "vendor", key_size: 32, area });
  assert.deepEqual(await freeOf(maker), []);
});

test("what is no LUKS numbers no keyslots", async () => {
  assert.equal(await freeKeyslots(memorySource(new Uint8Array(65536)), 32, signal), null);
});
