import { hashBytes, isHashKnown } from "#volume/cipher/hash.ts";
import type { BlockCipher } from "#volume/cipher/sector-cipher-spec.ts";

// Apart from the ciphers themselves, so that whoever just reads headers need not load those.

/** Whether the cipher has keys of so many bytes. */
export function isKeySize(cipher: BlockCipher, keyBytes: number): boolean {
  return cipher === "sm4" ? keyBytes === 16 : keyBytes === 16 || keyBytes === 24 || keyBytes === 32;
}

/** Bytes of the key that an ESSIV hash gives; null when the hash is not known. MD5 serves here, though not in LUKS itself. */
export function essivKeyBytes(hash: string): number | null {
  if (isHashKnown(hash)) return hashBytes(hash);
  return hash.toLowerCase() === "md5" ? 16 : null;
}
