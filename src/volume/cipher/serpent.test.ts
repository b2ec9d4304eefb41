import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { fromHex, hex } from "#bytes/text.ts";
import { inverseSboxes } from "#volume/cipher/serpent-inverse-sboxes.ts";
import { sboxes } from "#volume/cipher/serpent-sboxes.ts";
import { Serpent } from "#volume/cipher/serpent.ts";
import { bytesOf, wordsOf } from "#volume/cipher/words.ts";

/** The paper's S-boxes, a hexadecimal digit an entry (appendix A.5). */
const tables = [
  "38f1a65bed42709c",
  "fc27905a1be86d34",
  "86793cafd1e40b52",
  "0fb8c963d124a75e",
  "1f83c0b6254a9e7d",
  "f52b4a9c03e8d671",
  "72c5846be91fd3a0",
  "1df0e82b74ca9356",
].map((text) => Array.from(text, (digit) => Number.parseInt(digit, 16)));

/** Puts each of the 16 inputs into one bit of four words, and takes the outputs out of them. */
function throughWords(box: (words: Int32Array) => void): number[] {
  const words = new Int32Array(4);
  for (let input = 0; input < 16; input++) {
    for (let bit = 0; bit < 4; bit++) words[bit]! |= ((input >> bit) & 1) << input;
  }
  box(words);
  return Array.from({ length: 16 }, (_, at) =>
    [0, 1, 2, 3].reduce((sum, bit) => sum | (((words[bit]! >>> at) & 1) << bit), 0),
  );
}

for (const [n, table] of tables.entries()) {
  test(`S-box ${n} and its inverse are the paper's tables`, () => {
    assert.deepEqual(throughWords(sboxes[n]!), table);
    const inverse = Array.from({ length: 16 }, (_, output) => table.indexOf(output));
    assert.deepEqual(throughWords(inverseSboxes[n]!), inverse);
  });
}

function encrypt(key: Uint8Array, block: Uint8Array): string {
  const words = wordsOf(new Uint8Array(block));
  new Serpent(key).encrypt(words);
  return hex(bytesOf(words));
}

test("encrypts as the vectors of NESSIE say (set 1, vector 0)", () => {
  const key = (bytes: number): Uint8Array => new Uint8Array(bytes).with(0, 0x80);
  assert.equal(encrypt(key(16), new Uint8Array(16)), "264e5481eff42a4606abda06c0bfda3d");
  assert.equal(encrypt(key(24), new Uint8Array(16)), "9e274ead9b737bb21efcfca548602689");
  assert.equal(encrypt(key(32), new Uint8Array(16)), "a223aa1288463c0e2be38ebd825616c0");
});

test("decryption undoes encryption, of many blocks at once and each by itself", () => {
  const input = fc.tuple(
    fc.constantFrom(16, 24, 32).chain((bytes) => fc.uint8Array({ minLength: bytes, maxLength: bytes })),
    fc.integer({ min: 1, max: 5 }).chain((n) => fc.uint8Array({ minLength: n * 16, maxLength: n * 16 })),
  );
  const undoes = ([key, blocks]: [Uint8Array, Uint8Array]): void => {
    const cipher = new Serpent(key);
    const words = wordsOf(new Uint8Array(blocks));
    cipher.encrypt(words);
    const each = Array.from({ length: blocks.length / 16 }, (_, n) => encrypt(key, blocks.slice(n * 16, n * 16 + 16)));
    assert.equal(hex(bytesOf(words)), each.join(""));
    cipher.decrypt(words);
    assert.deepEqual(bytesOf(words), new Uint8Array(blocks));
  };
  fc.assert(fc.property(input, undoes), { numRuns: 50 });
});

test("a wiped cipher no longer holds the key", () => {
  const cipher = new Serpent(fromHex("000102030405060708090a0b0c0d0e0f")!);
  cipher.wipe();
  const words = new Int32Array(4);
  cipher.encrypt(words);
  const other = new Serpent(new Uint8Array(16).fill(9));
  other.wipe();
  const sameWords = new Int32Array(4);
  other.encrypt(sameWords);
  assert.deepEqual(words, sameWords);
});
