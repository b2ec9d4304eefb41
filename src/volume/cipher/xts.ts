import { free } from "#bytes/arrays.ts";
import { openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SectorDecrypter, SplitKey } from "#volume/cipher/sector-decrypter.ts";
import type { SectorIvs } from "#volume/cipher/sector-iv.ts";
import { bytesOf, wordsOf, xorWords } from "#volume/cipher/words.ts";

/**
 * XTS over any block cipher; sectors are whole blocks, so that nothing is ever stolen. Halves of the key may be equal.
 *
 * All sectors of a call go through one ECB pass, with the tweaks mixed in before and after it.
 *
 * @see IEEE Std 1619-2018, section 5; NIST SP 800-38E
 */
export function openXts(spec: SectorCipherSpec, key: SplitKey, ivs: SectorIvs): SectorDecrypter {
  const blocks = openBlockCipher(spec.cipher, key.data);
  const tweakBlocks = openBlockCipher(spec.cipher, key.second);
  let tweaks = new Int32Array(0);
  return {
    decrypt: (sectors, first) => {
      const mixed = wordsOf(new Uint8Array(sectors));
      if (tweaks.length < mixed.length) tweaks = new Int32Array(mixed.length);
      const used = tweaks.subarray(0, mixed.length);
      const firstTweaks = wordsOf(tweakBlocks.encrypt(ivs.of(first, sectors.length / spec.sectorBytes)));
      mixTweaks(mixed, used, firstTweaks, spec.sectorBytes / 4);
      const mixedBytes = bytesOf(mixed);
      const plain = blocks.decrypt(mixedBytes);
      xorWords(mixed, wordsOf(plain), used);
      sectors.set(mixedBytes);
      free(plain);
      free(mixedBytes);
    },
    [Symbol.dispose]: () => {
      blocks[Symbol.dispose]();
      tweakBlocks[Symbol.dispose]();
      tweaks.fill(0);
    },
  };
}

/** Mixes every block's tweak into `words` and keeps it in `tweaks`; a sector's next tweak is the last one times alpha. */
function mixTweaks(words: Int32Array, tweaks: Int32Array, firstTweaks: Int32Array, sectorWords: number): void {
  let at = 0;
  for (let sector = 0; sector < firstTweaks.length; sector += 4) {
    let t0 = firstTweaks[sector]!;
    let t1 = firstTweaks[sector + 1]!;
    let t2 = firstTweaks[sector + 2]!;
    let t3 = firstTweaks[sector + 3]!;
    for (const end = at + sectorWords; at < end; at += 4) {
      tweaks[at] = t0;
      tweaks[at + 1] = t1;
      tweaks[at + 2] = t2;
      tweaks[at + 3] = t3;
      words[at]! ^= t0;
      words[at + 1]! ^= t1;
      words[at + 2]! ^= t2;
      words[at + 3]! ^= t3;
      const carry = (t3 >> 31) & 0x87;
      t3 = (t3 << 1) | (t2 >>> 31);
      t2 = (t2 << 1) | (t1 >>> 31);
      t1 = (t1 << 1) | (t0 >>> 31);
      t0 = (t0 << 1) ^ carry;
    }
  }
}
