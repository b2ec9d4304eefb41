import { createCipheriv, createDecipheriv } from "node:crypto";

/** Bytes of an AES-256-GCM tag. */
export const TAG_BYTES = 16;
/** Bytes of an AES-256-GCM nonce. */
export const NONCE_BYTES = 12;

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D).
 *
 * @param key    32 bytes; a (key, nonce) pair must never seal two plaintexts
 * @param nonce  12 bytes
 * @returns      ciphertext, as long as `plain`, followed by the 16-byte tag
 */
export function sealGcm(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(associated);
  const sealed = new Uint8Array(plain.length + TAG_BYTES);
  sealed.set(cipher.update(plain), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plain.length);
  return sealed;
}

/**
 * Decrypts what `sealGcm` made.
 *
 * @returns  the plaintext, a copy; null when key, nonce, associated data or any byte is not what was sealed
 */
export function openGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | null {
  if (sealed.length < TAG_BYTES) return null;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return plain;
}
