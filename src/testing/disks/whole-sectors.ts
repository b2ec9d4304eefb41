import { openSectorEncrypter } from "#testing/volumes/sector-encrypter.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";

/** Bytes in a pattern, the same on every run. */
export function patternBytes(length: number, factor = 7): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * factor + 1) % 256);
}

/** A copy of `sectors`, decrypted with a cipher of its own. */
export function decrypted(spec: SectorCipherSpec, key: Uint8Array, sectors: Uint8Array, ivBase: bigint): Uint8Array {
  using cipher = openSectorCipher(spec, key);
  const copy = new Uint8Array(sectors);
  cipher.decrypt(copy, ivBase);
  return copy;
}

/** A copy of `sectors`, encrypted with a cipher of its own. */
export function encrypted(spec: SectorCipherSpec, key: Uint8Array, sectors: Uint8Array, ivBase: bigint): Uint8Array {
  using encrypter = openSectorEncrypter(spec, key);
  const copy = new Uint8Array(sectors);
  encrypter.encrypt(copy, ivBase);
  return copy;
}

/** A number of 128 bits as 16 bytes, the lowest first. */
export function little128(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}
