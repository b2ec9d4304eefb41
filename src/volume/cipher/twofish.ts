import type { WordCipher } from "#volume/cipher/block-cipher.ts";
import { turnLeft, turnRight, wordsOf } from "#volume/cipher/words.ts";

const ROUNDS = 16;

/**
 * Twofish, for opening volumes that are encrypted with it and for nothing else: it does not run in constant time.
 *
 * @see Schneier, Kelsey, Whiting, Wagner, Hall, Ferguson: "Twofish: A 128-Bit Block Cipher" (1998), section 4
 */
export class Twofish implements WordCipher {
  /** 4 × 256: the key-dependent S-boxes with the columns of the MDS matrix, so that g is four look-ups (section 4.3.5). */
  readonly #boxes = new Int32Array(4 * 256);
  /** K0 to K39. */
  readonly #keys = new Int32Array(8 + 2 * ROUNDS);

  /** @param key  16, 24 or 32 bytes */
  constructor(key: Uint8Array) {
    const words = wordsOf(new Uint8Array(key));
    const even = words.filter((_, at) => at % 2 === 0);
    const odd = words.filter((_, at) => at % 2 === 1);
    const strength = even.length;

    // Section 4.3.3: the expanded key words.
    for (let pair = 0; pair < this.#keys.length; pair += 2) {
      const a = h(pair * 0x01010101, even);
      const b = turnLeft(h((pair + 1) * 0x01010101, odd), 8);
      this.#keys[pair] = a + b;
      this.#keys[pair + 1] = turnLeft(a + (b << 1), 9);
    }

    // Section 4.3: S is made from the key by a Reed-Solomon code, and its words are listed in reverse.
    const s = new Int32Array(strength);
    for (let at = 0; at < strength; at++) s[strength - 1 - at] = reedSolomon(key.subarray(8 * at, 8 * at + 8));
    for (let column = 0; column < 4; column++) {
      for (let byte = 0; byte < 256; byte++) {
        this.#boxes[column * 256 + byte] = mdsProducts[column]![substitute(column, byte, s)]!;
      }
    }
    for (const secret of [words, even, odd, s]) secret.fill(0);
  }

  encrypt(words: Int32Array): void {
    const keys = this.#keys;
    const boxes = this.#boxes;
    for (let at = 0; at < words.length; at += 4) {
      let a = words[at]! ^ keys[0]!;
      let b = words[at + 1]! ^ keys[1]!;
      let c = words[at + 2]! ^ keys[2]!;
      let d = words[at + 3]! ^ keys[3]!;
      for (let key = 8; key < keys.length; key += 4) {
        let t0 = g(boxes, a);
        let t1 = g(boxes, turnLeft(b, 8));
        c = turnRight(c ^ (t0 + t1 + keys[key]!), 1);
        d = turnLeft(d, 1) ^ (t0 + (t1 << 1) + keys[key + 1]!);
        t0 = g(boxes, c);
        t1 = g(boxes, turnLeft(d, 8));
        a = turnRight(a ^ (t0 + t1 + keys[key + 2]!), 1);
        b = turnLeft(b, 1) ^ (t0 + (t1 << 1) + keys[key + 3]!);
      }
      words[at] = c ^ keys[4]!;
      words[at + 1] = d ^ keys[5]!;
      words[at + 2] = a ^ keys[6]!;
      words[at + 3] = b ^ keys[7]!;
    }
  }

  decrypt(words: Int32Array): void {
    const keys = this.#keys;
    const boxes = this.#boxes;
    for (let at = 0; at < words.length; at += 4) {
      let c = words[at]! ^ keys[4]!;
      let d = words[at + 1]! ^ keys[5]!;
      let a = words[at + 2]! ^ keys[6]!;
      let b = words[at + 3]! ^ keys[7]!;
      for (let key = keys.length - 4; key >= 8; key -= 4) {
        let t0 = g(boxes, c);
        let t1 = g(boxes, turnLeft(d, 8));
        a = turnLeft(a, 1) ^ (t0 + t1 + keys[key + 2]!);
        b = turnRight(b ^ (t0 + (t1 << 1) + keys[key + 3]!), 1);
        t0 = g(boxes, a);
        t1 = g(boxes, turnLeft(b, 8));
        c = turnLeft(c, 1) ^ (t0 + t1 + keys[key]!);
        d = turnRight(d ^ (t0 + (t1 << 1) + keys[key + 1]!), 1);
      }
      words[at] = a ^ keys[0]!;
      words[at + 1] = b ^ keys[1]!;
      words[at + 2] = c ^ keys[2]!;
      words[at + 3] = d ^ keys[3]!;
    }
  }

  wipe(): void {
    this.#boxes.fill(0);
    this.#keys.fill(0);
  }
}

/** The function g with the S-boxes made beforehand. */
function g(boxes: Int32Array, word: number): number {
  return (
    boxes[word & 0xff]! ^
    boxes[0x100 | ((word >>> 8) & 0xff)]! ^
    boxes[0x200 | ((word >>> 16) & 0xff)]! ^
    boxes[0x300 | (word >>> 24)]!
  );
}

/** The function h (section 4.3.2) of a word, with the list L. */
function h(word: number, list: Int32Array): number {
  let result = 0;
  for (let column = 0; column < 4; column++) {
    result ^= mdsProducts[column]![substitute(column, (word >>> (8 * column)) & 0xff, list)]!;
  }
  return result;
}

/** Which permutation each byte goes through, the first for the longest keys only (figure 2). */
const PERMUTATIONS: readonly (readonly (0 | 1)[])[] = [
  [1, 1, 0, 0, 1],
  [0, 1, 1, 0, 0],
  [0, 0, 0, 1, 1],
  [1, 0, 1, 1, 0],
];

/** A byte of h before the MDS matrix: through a permutation, then mixed with a byte of the list, for each of its words. */
function substitute(column: number, byte: number, list: Int32Array): number {
  const chain = PERMUTATIONS[column]!.slice(4 - list.length);
  let value = byte;
  for (const [step, which] of chain.entries()) {
    value = q[which][value]!;
    const word = list[list.length - 1 - step];
    if (word !== undefined) value ^= (word >>> (8 * column)) & 0xff;
  }
  return value;
}

/** The tables t0 to t3 of the permutations q0 and q1 (section 4.3.5), a hexadecimal digit an entry. */
const q = [
  permutation("817d6f320b59eca4", "ecb81235f4a6709d", "ba5e6d90c8f32471", "d7f4126e9b3085ca"),
  permutation("28bdf76e31940ac5", "1e2b4c376da5f908", "4c75169a0ed82b3f", "b951c3de647f208a"),
] as const;

function permutation(...texts: readonly [string, string, string, string]): Uint8Array {
  const [t0, t1, t2, t3] = texts.map((text) => Array.from(text, (digit) => Number.parseInt(digit, 16)));
  const turn = (nibble: number): number => (nibble >> 1) | ((nibble & 1) << 3);
  const table = new Uint8Array(256);
  for (let x = 0; x < 256; x++) {
    const [a0, b0] = [x >> 4, x & 15];
    const a2 = t0![a0 ^ b0]!;
    const b2 = t1![(a0 ^ turn(b0) ^ (8 * a0)) & 15]!;
    const a4 = t2![a2 ^ b2]!;
    const b4 = t3![(a2 ^ turn(b2) ^ (8 * a2)) & 15]!;
    table[x] = 16 * b4 + a4;
  }
  return table;
}

/** Product of two bytes in GF(2^8) modulo a polynomial. */
function multiply(a: number, b: number, polynomial: number): number {
  let product = 0;
  let shifted = a;
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted <<= 1;
    if (shifted & 0x100) shifted ^= polynomial;
  }
  return product;
}

/** The MDS matrix by columns (section 4.2). */
const MDS = [
  [0x01, 0x5b, 0xef, 0xef],
  [0xef, 0xef, 0x5b, 0x01],
  [0x5b, 0xef, 0x01, 0xef],
  [0x5b, 0x01, 0xef, 0x5b],
] as const;

/** What each byte in each column adds to a product with the MDS matrix. */
const mdsProducts: readonly Int32Array[] = MDS.map((factors) =>
  Int32Array.from({ length: 256 }, (_, byte) =>
    factors.reduce((word, factor, row) => word | (multiply(factor, byte, 0x169) << (8 * row)), 0),
  ),
);

/** The matrix of the Reed-Solomon code (section 4.3). */
const REED_SOLOMON = [
  [0x01, 0xa4, 0x55, 0x87, 0x5a, 0x58, 0xdb, 0x9e],
  [0xa4, 0x56, 0x82, 0xf3, 0x1e, 0xc6, 0x68, 0xe5],
  [0x02, 0xa1, 0xfc, 0xc1, 0x47, 0xae, 0x3d, 0x19],
  [0xa4, 0x55, 0x87, 0x5a, 0x58, 0xdb, 0x9e, 0x03],
] as const;

/** A word of S from eight bytes of the key. */
function reedSolomon(bytes: Uint8Array): number {
  let word = 0;
  for (const [row, factors] of REED_SOLOMON.entries()) {
    let sum = 0;
    for (const [at, factor] of factors.entries()) sum ^= multiply(factor, bytes[at]!, 0x14d);
    word |= sum << (8 * row);
  }
  return word;
}
