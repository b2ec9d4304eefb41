import { BLOCK_BYTES, openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { BlockCipher } from "#volume/cipher/sector-cipher-spec.ts";
import { turnLeft, wordsOf } from "#volume/cipher/words.ts";

/** Bytes of a sector key. */
const SECTOR_KEY_BYTES = 32;

/**
 * BitLocker's Elephant diffuser: what lies between CBC and the plaintext of Windows Vista and 7.
 *
 * @see Ferguson, "AES-CBC + Elephant diffuser: A Disk Encryption Algorithm for Windows Vista" (2006), sections 4.2 and 4.3
 */
export interface Elephant extends Disposable {
  /**
   * The last step of decryption, in place: both diffusers, then the sector key.
   *
   * @param sectors          whole sectors of `sectorBytes`, that start on a word of their buffer
   * @param firstOffset      where the first of them lies in the volume, in bytes
   */
  spread(sectors: Uint8Array, sectorBytes: number, firstOffset: bigint): void;
}

/** @param tweakKey  the second half of the volume key; it is used with the volume's own cipher */
export function openElephant(cipher: BlockCipher, tweakKey: Uint8Array): Elephant {
  const blocks = openBlockCipher(cipher, tweakKey);

  /** Two blocks a sector: its offset as a number, then the same with 128 as the last byte, encrypted. */
  const sectorKeys = (count: number, sectorBytes: number, firstOffset: bigint): Int32Array => {
    const numbers = new Uint8Array(count * SECTOR_KEY_BYTES);
    const view = new DataView(numbers.buffer);
    for (let sector = 0; sector < count; sector++) {
      const offset = BigInt.asUintN(64, firstOffset + BigInt(sector * sectorBytes));
      view.setBigUint64(sector * SECTOR_KEY_BYTES, offset, true);
      view.setBigUint64(sector * SECTOR_KEY_BYTES + BLOCK_BYTES, offset, true);
      view.setUint8((sector + 1) * SECTOR_KEY_BYTES - 1, 0x80);
    }
    return wordsOf(blocks.encrypt(numbers));
  };

  return {
    spread: (sectors, sectorBytes, firstOffset) => {
      const words = wordsOf(sectors);
      const perSector = sectorBytes / 4;
      for (let at = 0; at < words.length; at += perSector) spreadSector(words.subarray(at, at + perSector));
      mixSectorKeys(words, perSector, sectorKeys(sectors.length / sectorBytes, sectorBytes, firstOffset));
    },
    [Symbol.dispose]: () => blocks[Symbol.dispose](),
  };
}

/** Each sector is mixed with its own key, over and over. */
function mixSectorKeys(words: Int32Array, perSector: number, keys: Int32Array): void {
  const keyWords = SECTOR_KEY_BYTES / 4;
  for (let at = 0, keyAt = 0; at < words.length; keyAt += keyWords) {
    for (const end = at + perSector; at < end; at++) words[at]! ^= keys[keyAt + (at % keyWords)]!;
  }
}

/**
 * Both diffusers in the direction of decryption, four words a turn; all indices wrap within the sector, whose number of
 * words is a power of two. Words that the next turn needs stay in variables, since memory would be the slowest part.
 */
function spreadSector(words: Int32Array): void {
  const count = words.length;
  spreadB(words, count - 1, 3 * count);
  spreadA(words, count - 1, 5 * count);
}

/** d[i] += d[i + 2] ^ (d[i + 5] turned by 0, 10, 0, 25), for i going up (section 4.3). */
function spreadB(words: Int32Array, mask: number, steps: number): void {
  let d0 = words[0]!;
  let d1 = words[1]!;
  let d2 = words[2]!;
  let d3 = words[3]!;
  let d4 = words[4]!;
  for (let i = 0; i < steps; i += 4) {
    const d5 = words[(i + 5) & mask]!;
    const d6 = words[(i + 6) & mask]!;
    const d7 = words[(i + 7) & mask]!;
    const d8 = words[(i + 8) & mask]!;
    const at = i & mask;
    words[at] = d0 + (d2 ^ d5);
    words[at + 1] = d1 + (d3 ^ turnLeft(d6, 10));
    words[at + 2] = d2 + (d4 ^ d7);
    words[at + 3] = d3 + (d5 ^ turnLeft(d8, 25));
    d0 = d4;
    d1 = d5;
    d2 = d6;
    d3 = d7;
    d4 = d8;
  }
}

/** d[i] += d[i - 2] ^ (d[i - 5] turned by 9, 0, 13, 0), for i going up (section 4.3). */
function spreadA(words: Int32Array, mask: number, steps: number): void {
  let before1 = words[mask]!;
  let before2 = words[mask - 1]!;
  let before3 = words[mask - 2]!;
  let before4 = words[mask - 3]!;
  let before5 = words[mask - 4]!;
  for (let i = 0; i < steps; i += 4) {
    const at = i & mask;
    const d0 = (words[at]! + (before2 ^ turnLeft(before5, 9))) | 0;
    const d1 = (words[at + 1]! + (before1 ^ before4)) | 0;
    const d2 = (words[at + 2]! + (d0 ^ turnLeft(before3, 13))) | 0;
    const d3 = (words[at + 3]! + (d1 ^ before2)) | 0;
    words[at] = d0;
    words[at + 1] = d1;
    words[at + 2] = d2;
    words[at + 3] = d3;
    before5 = before1;
    before4 = d0;
    before3 = d1;
    before2 = d2;
    before1 = d3;
  }
}
