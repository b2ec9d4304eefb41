import { createPublicKey, verify } from "node:crypto";

/** Bytes of an Ed25519 public key (RFC 8032). */
export const ED25519_PUBLIC_BYTES = 32;

/** Whether `signature` is the key's over `bytes`. False, too, for a key or signature that is none. */
export function isSignedBy(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_PUBLIC_BYTES) return false;
  try {
    const key = createPublicKey({ key: publicKey, format: "raw-public", asymmetricKeyType: "ed25519" });
    return verify(null, bytes, key, signature);
  } catch {
    return false;
  }
}
