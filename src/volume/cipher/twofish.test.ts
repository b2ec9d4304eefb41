import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { Twofish } from "#volume/cipher/twofish.ts";
import { bytesOf, wordsOf } from "#volume/cipher/words.ts";

function run(key: Uint8Array, blocks: Uint8Array, way: "encrypt" | "decrypt"): Uint8Array {
  const words = wordsOf(new Uint8Array(blocks));
  new Twofish(key)[way](words);
  return bytesOf(words);
}

// The submission's ECB_TBL: each plaintext is the last ciphertext, and goes into the front of the next key.
for (const [keyBytes, first, last] of [
  [16, "9f589f5cf6122c32b6bfec2f2ae8c35a", "5d9d4eeffa9151575524f115815a12e0"],
  [24, "efa71f788965bd4453f860178fc19101", "e75449212beef9f4a390bd860a640941"],
  [32, "57ff739d4dc92c1bd7fc01700cc8216f", "37fe26ff1cf66175f5ddf4c33b97a205"],
] as const) {
  test(`goes through the submission's table of vectors for keys of ${keyBytes} bytes`, () => {
    let key: Uint8Array = new Uint8Array(keyBytes);
    let plain: Uint8Array = new Uint8Array(16);
    const seen: string[] = [];
    for (let row = 1; row <= 49; row++) {
      const encrypted = run(key, plain, "encrypt");
      assert.deepEqual(run(key, encrypted, "decrypt"), plain);
      seen.push(hex(encrypted));
      key = concat(plain, key).slice(0, keyBytes);
      plain = encrypted;
    }
    assert.deepEqual([seen[0], seen[48]], [first, last]);
  });
}

test("many blocks at once are the same as each by itself", () => {
  const blocks = fc.integer({ min: 1, max: 5 }).chain((n) => fc.uint8Array({ minLength: n * 16, maxLength: n * 16 }));
  const key = fc.constantFrom(16, 24, 32).chain((bytes) => fc.uint8Array({ minLength: bytes, maxLength: bytes }));
  const same = (keyBytes: Uint8Array, data: Uint8Array): void => {
    const each = Array.from({ length: data.length / 16 }, (_, n) =>
      run(keyBytes, data.slice(n * 16, n * 16 + 16), "encrypt"),
    );
    const all = run(keyBytes, data, "encrypt");
    assert.deepEqual(all, concat(...each));
    assert.deepEqual(run(keyBytes, all, "decrypt"), new Uint8Array(data));
  };
  fc.assert(fc.property(key, blocks, same), { numRuns: 20 });
});

test("a wiped cipher no longer holds the key", () => {
  const blocks = [1, 2].map((fill) => {
    const cipher = new Twofish(new Uint8Array(16).fill(fill));
    cipher.wipe();
    const words = new Int32Array(4);
    cipher.encrypt(words);
    return words;
  });
  assert.deepEqual(blocks[0], blocks[1]);
});
