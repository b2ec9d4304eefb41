import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, TAG_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import { hkdf } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";

/** Bytes of an X25519 key (RFC 7748), private or public. */
export const X25519_BYTES = 32;

const nonce = new Uint8Array(NONCE_BYTES); // each sealing has a key of its own, so one nonce is enough

/** The public half of an X25519 key pair. @param privateKey 32 bytes, any */
export function publicKeyOf(privateKey: Secret): Uint8Array {
  return new Uint8Array(createPublicKey(privateKeyObject(privateKey)).export({ format: "raw-public" }));
}

/**
 * Seals bytes so that only the holder of the private key opens them: a fresh key pair's public half, then AES-256-GCM under
 * HKDF-SHA-256 of the agreed secret.
 *
 * @param purpose  what it is for, and which; it opens for no other
 */
export function sealTo(publicKey: Uint8Array, plain: Uint8Array, purpose: string, random: Random): Uint8Array {
  using ephemeral = new Secret(random(X25519_BYTES));
  const ephemeralPublic = publicKeyOf(ephemeral);
  using shared = agree(ephemeral, publicKey);
  using key = sealingKey(shared, ephemeralPublic, publicKey, purpose);
  return concat(ephemeralPublic, sealGcm(key.bytes, nonce, plain, new Uint8Array(0)));
}

/** Opens what `sealTo` made; null when it was made for another key or purpose, or was changed. */
export function openSealed(privateKey: Secret, sealed: Uint8Array, purpose: string): Secret | null {
  if (sealed.length < X25519_BYTES + TAG_BYTES) return null;
  const ephemeralPublic = sealed.subarray(0, X25519_BYTES);
  let shared: Secret;
  try {
    shared = agree(privateKey, ephemeralPublic);
  } catch {
    return null; // a point of low order, for which OpenSSL refuses to derive (RFC 7748, section 6.1)
  }
  using key = sealingKey(shared, ephemeralPublic, publicKeyOf(privateKey), purpose);
  shared.wipe();
  const plain = openGcm(key.bytes, nonce, sealed.subarray(X25519_BYTES), new Uint8Array(0));
  return plain === null ? null : new Secret(plain);
}

function sealingKey(shared: Secret, ephemeral: Uint8Array, publicKey: Uint8Array, purpose: string): Secret {
  return new Secret(hkdf(shared.bytes, concat(ephemeral, publicKey), utf8(purpose)));
}

function agree(privateKey: Secret, publicKey: Uint8Array): Secret {
  const other = createPublicKey({ key: publicKey, format: "raw-public", asymmetricKeyType: "x25519" });
  const shared = diffieHellman({ privateKey: privateKeyObject(privateKey), publicKey: other });
  return new Secret(new Uint8Array(shared));
}

function privateKeyObject(privateKey: Secret): KeyObject {
  return createPrivateKey({ key: privateKey.bytes, format: "raw-private", asymmetricKeyType: "x25519" });
}
