import { openBlockCipher } from "#volume/cipher/block-cipher.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { SectorDecrypter, SplitKey } from "#volume/cipher/sector-decrypter.ts";

/** Every block by itself; sector numbers play no part. @see NIST SP 800-38A, section 6.1 */
export function openEcb(spec: SectorCipherSpec, key: SplitKey): SectorDecrypter {
  const blocks = openBlockCipher(spec.cipher, key.data);
  return {
    decrypt: (sectors) => sectors.set(blocks.decrypt(sectors)),
    [Symbol.dispose]: () => blocks[Symbol.dispose](),
  };
}
