import { free } from "#bytes/arrays.ts";
import { BLOCK_BYTES, openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SectorDecrypter, SplitKey } from "#volume/cipher/sector-decrypter.ts";
import type { SectorIvs } from "#volume/cipher/sector-iv.ts";
import { bytesOf, swapBytes, wordsOf, xorWords } from "#volume/cipher/words.ts";

const INDEX_BITS = 128;

/**
 * LRW as the kernel has it: a block's tweak is the second key times the block's index in GF(2^128); the index of a
 * sector's first block is its initial vector, a big-endian number.
 *
 * @see Liskov, Rivest, Wagner, "Tweakable Block Ciphers" (2002), section 3; the drafts of IEEE P1619 before XTS
 */
export function openLrw(spec: SectorCipherSpec, key: SplitKey, ivs: SectorIvs): SectorDecrypter {
  const blocks = openBlockCipher(spec.cipher, key.data);
  const products = new TweakProducts(key.second);
  return {
    decrypt: (sectors, first) => {
      const mixed = wordsOf(new Uint8Array(sectors));
      const tweaks = new Int32Array(mixed.length);
      const indices = wordsOf(ivs.of(first, sectors.length / spec.sectorBytes));
      for (let sector = 0; sector * 4 < indices.length; sector++) {
        const at = (sector * spec.sectorBytes) / 4;
        products.fill(tweaks.subarray(at, at + spec.sectorBytes / 4), indices.subarray(sector * 4, sector * 4 + 4));
      }
      xorWords(mixed, mixed, tweaks);
      const mixedBytes = bytesOf(mixed);
      const plain = blocks.decrypt(mixedBytes);
      xorWords(mixed, wordsOf(plain), tweaks);
      sectors.set(mixedBytes);
      free(plain);
      free(mixedBytes);
    },
    [Symbol.dispose]: () => {
      blocks[Symbol.dispose]();
      products.wipe();
    },
  };
}

/** Products of a tweak key with the indices of blocks. */
class TweakProducts {
  /** The key times x^n, for n from 0 to 127, four words each in the order of a block's bytes. */
  readonly #powers = new Int32Array(INDEX_BITS * 4);
  /** The key times the n + 1 lowest bits: how the tweak changes when a step of the index turns that many. */
  readonly #steps = new Int32Array(INDEX_BITS * 4);

  constructor(key: Uint8Array) {
    const power = new Uint8Array(key);
    const step = new Uint8Array(BLOCK_BYTES);
    for (let bit = 0; bit < INDEX_BITS; bit++) {
      for (let byte = 0; byte < BLOCK_BYTES; byte++) step[byte]! ^= power[byte]!;
      this.#powers.set(wordsOf(power), bit * 4);
      this.#steps.set(wordsOf(step), bit * 4);
      timesX(power);
    }
    power.fill(0);
    step.fill(0);
  }

  /** Fills `tweaks` with those of the blocks from `start` on, a big-endian number of four words. */
  fill(tweaks: Int32Array, start: Int32Array): void {
    const index = Uint32Array.from(start.toReversed(), swapBytes); // its lowest word first
    const tweak = new Int32Array(4);
    for (let bit = 0; bit < INDEX_BITS; bit++) {
      if ((index[bit >>> 5]! >>> (bit & 31)) & 1) xorWords(tweak, tweak, this.#powers.subarray(bit * 4, bit * 4 + 4));
    }
    for (let at = 0; at < tweaks.length; at += 4) {
      tweaks.set(tweak, at);
      const turned = countUp(index);
      for (let word = 0; word < 4; word++) tweak[word]! ^= this.#steps[turned * 4 + word]!;
    }
  }

  wipe(): void {
    this.#powers.fill(0);
    this.#steps.fill(0);
  }
}

/** Multiplies a big-endian polynomial by x, modulo x^128 + x^7 + x^2 + x + 1. */
function timesX(block: Uint8Array): void {
  let carry = 0;
  for (let byte = BLOCK_BYTES - 1; byte >= 0; byte--) {
    const shifted = (block[byte]! << 1) | carry;
    block[byte] = shifted;
    carry = shifted >>> 8;
  }
  if (carry === 1) block[BLOCK_BYTES - 1]! ^= 0x87;
}

/** Adds one, and gives the highest bit that changed; 127 where all bits were set. */
function countUp(index: Uint32Array): number {
  for (let word = 0; word < index.length; word++) {
    const before = index[word]!;
    index[word] = before + 1;
    if (before !== 0xffff_ffff) return word * 32 + (31 - Math.clz32(before ^ (before + 1)));
  }
  return INDEX_BITS - 1;
}
