import { free } from "#bytes/arrays.ts";
import { BLOCK_BYTES, openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { Elephant } from "#volume/cipher/elephant.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SectorDecrypter, SplitKey } from "#volume/cipher/sector-decrypter.ts";
import type { SectorIvs } from "#volume/cipher/sector-iv.ts";

/**
 * CBC with an initial vector a sector, and the Elephant diffuser after it where there is one.
 *
 * All sectors of a call are decrypted as if they were one chain. That is right but for the first block of each sector,
 * which got the last ciphertext block of the sector before where its initial vector belongs.
 *
 * @see NIST SP 800-38A, section 6.2
 */
export function openCbc(
  spec: SectorCipherSpec,
  key: SplitKey,
  ivs: SectorIvs,
  elephant: Elephant | null,
): SectorDecrypter {
  const blocks = openBlockCipher(spec.cipher, key.data);
  const { sectorBytes } = spec;
  return {
    decrypt: (sectors, first) => {
      const plain = blocks.decryptChain(sectors);
      const vectors = ivs.of(first, sectors.length / sectorBytes);
      let vectorAt = 0;
      for (let at = 0; at < sectors.length; at += sectorBytes) {
        for (let byte = 0; byte < BLOCK_BYTES; byte++) {
          const chained = at === 0 ? 0 : sectors[at - BLOCK_BYTES + byte]!;
          plain[at + byte]! ^= chained ^ vectors[vectorAt++]!;
        }
      }
      elephant?.spread(plain, sectorBytes, first * BigInt(spec.ivUnitBytes));
      sectors.set(plain);
      free(plain);
    },
    [Symbol.dispose]: () => blocks[Symbol.dispose](),
  };
}
