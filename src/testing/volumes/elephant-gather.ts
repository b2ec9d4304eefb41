import { concat } from "#bytes/arrays.ts";
import type { KeyedBlocks } from "#volume/cipher/block-cipher.ts";
import { turnLeft, wordsOf } from "#volume/cipher/words.ts";

const ROTATIONS_A = [9, 0, 13, 0] as const;
const ROTATIONS_B = [0, 10, 0, 25] as const;

/**
 * The first step of encryption with BitLocker's Elephant diffuser, in place: the sector key, then both diffusers, as the paper
 * writes them.
 *
 * @param sector       all of it
 * @param offsetBytes  where it lies in the volume
 * @param tweaks       the cipher with the second half of the volume key
 * @see Ferguson, "AES-CBC + Elephant diffuser: A Disk Encryption Algorithm for Windows Vista" (2006), sections 4.2 and 4.3
 */
export function gatherSector(sector: Uint8Array, offsetBytes: bigint, tweaks: KeyedBlocks): void {
  const number = new Uint8Array(16);
  new DataView(number.buffer).setBigUint64(0, BigInt.asUintN(64, offsetBytes), true);
  const key = concat(tweaks.encrypt(number), tweaks.encrypt(number.with(15, 0x80)));
  for (let at = 0; at < sector.length; at++) sector[at] = (sector[at] ?? 0) ^ (key[at % key.length] ?? 0);

  const words = wordsOf(sector);
  const count = words.length;
  const turn = (word: number, bits: number): number => (bits === 0 ? word : turnLeft(word, bits));
  for (let i = 5 * count - 1; i >= 0; i--) {
    const at = i % count;
    words[at]! -= words.at(at - 2)! ^ turn(words.at(at - 5)!, ROTATIONS_A[at % 4]!);
  }
  for (let i = 3 * count - 1; i >= 0; i--) {
    const at = i % count;
    words[at]! -= words[(at + 2) % count]! ^ turn(words[(at + 5) % count]!, ROTATIONS_B[at % 4]!);
  }
}
