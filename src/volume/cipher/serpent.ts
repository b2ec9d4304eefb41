import type { WordCipher } from "#volume/cipher/block-cipher.ts";
import { inverseSboxes } from "#volume/cipher/serpent-inverse-sboxes.ts";
import { sboxes } from "#volume/cipher/serpent-sboxes.ts";
import { turnLeft, turnRight, wordsOf } from "#volume/cipher/words.ts";

const ROUNDS = 32;
/** Words that go through all steps together: few enough for the processor's nearest cache. */
const PIECE_WORDS = 2048;

/**
 * Serpent in its bitsliced form, for opening volumes that are encrypted with it.
 *
 * Each step goes over many blocks before the next begins, so that the S-boxes can be small functions. It does not look
 * anything up at places that depend on secrets.
 *
 * @see Anderson, Biham, Knudsen: "Serpent: A Proposal for the Advanced Encryption Standard" (1998), sections 3 and 4
 */
export class Serpent implements WordCipher {
  /** K0 to K32, four words each. */
  readonly #keys: Int32Array;

  /** @param key  16, 24 or 32 bytes */
  constructor(key: Uint8Array) {
    this.#keys = roundKeys(key);
  }

  encrypt(words: Int32Array): void {
    for (const piece of pieces(words)) {
      mixKey(piece, this.#keys, 0);
      for (let round = 0; round < ROUNDS; round++) {
        sboxes[round % 8]!(piece);
        if (round < ROUNDS - 1) transform(piece, this.#keys, round + 1);
      }
      mixKey(piece, this.#keys, ROUNDS);
    }
  }

  decrypt(words: Int32Array): void {
    for (const piece of pieces(words)) {
      mixKey(piece, this.#keys, ROUNDS);
      for (let round = ROUNDS - 1; round >= 0; round--) {
        inverseSboxes[round % 8]!(piece);
        if (round > 0) transformBack(piece, this.#keys, round);
      }
      mixKey(piece, this.#keys, 0);
    }
  }

  wipe(): void {
    this.#keys.fill(0);
  }
}

/** Section 4: 132 prekeys by a recurrence, which go through the S-boxes four at a time. */
function roundKeys(key: Uint8Array): Int32Array {
  const padded = new Uint8Array(32);
  padded.set(key);
  if (key.length < 32) padded[key.length] = 1;
  const prekeys = new Int32Array(8 + 4 * (ROUNDS + 1));
  prekeys.set(wordsOf(padded));
  for (let at = 8; at < prekeys.length; at++) {
    const mixed = prekeys[at - 8]! ^ prekeys[at - 5]! ^ prekeys[at - 3]! ^ prekeys[at - 1]! ^ 0x9e3779b9 ^ (at - 8);
    prekeys[at] = turnLeft(mixed, 11);
  }
  const keys = prekeys.slice(8);
  for (let at = 0; at <= ROUNDS; at++) sboxes[(ROUNDS + 3 - at) % 8]!(keys.subarray(4 * at, 4 * at + 4));
  padded.fill(0);
  prekeys.fill(0);
  return keys;
}

function mixKey(words: Int32Array, keys: Int32Array, round: number): void {
  const k0 = keys[4 * round]!;
  const k1 = keys[4 * round + 1]!;
  const k2 = keys[4 * round + 2]!;
  const k3 = keys[4 * round + 3]!;
  for (let at = 0; at < words.length; at += 4) {
    words[at]! ^= k0;
    words[at + 1]! ^= k1;
    words[at + 2]! ^= k2;
    words[at + 3]! ^= k3;
  }
}

/** The linear transformation (section 3), and the next round's key. */
function transform(words: Int32Array, keys: Int32Array, nextRound: number): void {
  const k0 = keys[4 * nextRound]!;
  const k1 = keys[4 * nextRound + 1]!;
  const k2 = keys[4 * nextRound + 2]!;
  const k3 = keys[4 * nextRound + 3]!;
  for (let at = 0; at < words.length; at += 4) {
    let x0 = turnLeft(words[at]!, 13);
    let x2 = turnLeft(words[at + 2]!, 3);
    const x1 = turnLeft(words[at + 1]! ^ x0 ^ x2, 1);
    const x3 = turnLeft(words[at + 3]! ^ x2 ^ (x0 << 3), 7);
    x0 ^= x1 ^ x3;
    x2 ^= x3 ^ (x1 << 7);
    words[at] = turnLeft(x0, 5) ^ k0;
    words[at + 1] = x1 ^ k1;
    words[at + 2] = turnLeft(x2, 22) ^ k2;
    words[at + 3] = x3 ^ k3;
  }
}

/** A round's key, and the reverse of the linear transformation before it. */
function transformBack(words: Int32Array, keys: Int32Array, round: number): void {
  const k0 = keys[4 * round]!;
  const k1 = keys[4 * round + 1]!;
  const k2 = keys[4 * round + 2]!;
  const k3 = keys[4 * round + 3]!;
  for (let at = 0; at < words.length; at += 4) {
    const x1 = words[at + 1]! ^ k1;
    const x3 = words[at + 3]! ^ k3;
    const x2 = turnRight(words[at + 2]! ^ k2, 22) ^ x3 ^ (x1 << 7);
    const x0 = turnRight(words[at]! ^ k0, 5) ^ x1 ^ x3;
    words[at] = turnRight(x0, 13);
    words[at + 1] = turnRight(x1, 1) ^ x0 ^ x2;
    words[at + 2] = turnRight(x2, 3);
    words[at + 3] = turnRight(x3, 7) ^ x2 ^ (x0 << 3);
  }
}

function* pieces(words: Int32Array): Generator<Int32Array> {
  for (let at = 0; at < words.length; at += PIECE_WORDS) yield words.subarray(at, at + PIECE_WORDS);
}
