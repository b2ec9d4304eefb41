import { createCipheriv, createDecipheriv } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { free } from "#bytes/arrays.ts";
import { TAG_BYTES } from "#crypto/aead.ts";
import { LockstepError } from "#errors/errors.ts";
import { slotNonce } from "#vault/segments/segment.ts";
import type { SegmentCipher, SlotRow } from "#vault/segments/segment.ts";

/** The most that one slot may hold, compressed or not. */
export const MAX_SLOT_BYTES = 4 * 1024 * 1024;

const LEVEL = 3;

/**
 * Seals one slot into `into` at `offsetBytes`.
 *
 * @param compress  try zstd; kept only where it saves an eighth or more
 * @returns         the slot's row; null when `into` has no room for it (nothing is written then)
 */
export function sealSlot(
  cipher: SegmentCipher,
  slot: number,
  plain: Uint8Array,
  compress: boolean,
  into: Uint8Array,
  offsetBytes: number,
): SlotRow | null {
  let payload = plain;
  if (compress) {
    const packed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
    if (packed.length <= plain.length - plain.length / 8) payload = packed;
  }
  if (offsetBytes + payload.length > into.length) return null;
  const gcm = createCipheriv("aes-256-gcm", cipher.cipherKey, slotNonce(slot));
  gcm.setAAD(cipher.associated);
  const stored = gcm.update(payload);
  stored.copy(into, offsetBytes); // a third quicker than `set` where the memory is shared
  free(stored);
  gcm.final();
  return { offsetBytes, storedBytes: payload.length, plainBytes: plain.length, tag: gcm.getAuthTag() };
}

/**
 * Opens one slot into `into`.
 *
 * @param stored  the slot's ciphertext, `row.storedBytes` long
 * @param into    `row.plainBytes` long; it may hold anything after a failure
 * @returns       false when the bytes are not what was sealed
 */
export function openSlot(
  cipher: SegmentCipher,
  slot: number,
  row: SlotRow,
  stored: Uint8Array,
  into: Uint8Array,
): boolean {
  const gcm = createDecipheriv("aes-256-gcm", cipher.cipherKey, slotNonce(slot), { authTagLength: TAG_BYTES });
  gcm.setAAD(cipher.associated);
  gcm.setAuthTag(row.tag);
  const payload = gcm.update(stored);
  try {
    gcm.final();
  } catch {
    return false;
  }
  if (row.storedBytes === row.plainBytes) {
    payload.copy(into);
    free(payload);
    return true;
  }
  const plain = zstdDecompressSync(payload, { maxOutputLength: row.plainBytes });
  if (plain.length !== row.plainBytes) {
    throw new LockstepError(
      "OBJECT_CORRUPT",
      `${cipher.key}: slot ${slot} unpacks to ${plain.length} bytes, not ${row.plainBytes}`,
    );
  }
  into.set(plain);
  return true;
}
