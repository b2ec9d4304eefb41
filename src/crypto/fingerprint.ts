import { Buffer } from "node:buffer";

import { Blake3Hasher } from "@napi-rs/blake-hash";

/** Bytes of a fingerprint. */
export const FINGERPRINT_BYTES = 16;

/** Computes keyed 128-bit BLAKE3 fingerprints, one key, many blocks. */
export interface Fingerprinter {
  /** The first 16 bytes of keyed BLAKE3 over `block`; a view that the next call does not change. */
  of(block: Uint8Array): Uint8Array;
}

/**
 * Keyed BLAKE3 (the BLAKE3 paper, section 2.3) cut to 128 bits.
 *
 * @param key  32 bytes
 */
export function fingerprinter(key: Uint8Array): Fingerprinter {
  const hasher = Blake3Hasher.newKeyed(Buffer.from(key));
  return {
    of(block) {
      hasher.reset();
      const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
      return hasher.update(view).digestBuffer().subarray(0, FINGERPRINT_BYTES);
    },
  };
}
