import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, TAG_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import { hkdf } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import type { WayId } from "#vault/keyring/unlock-way.ts";
import { idBytes } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";

/** How a generation's key is sealed to each way's public key; in the keyring by this name, so that others can follow. */
export const SUITE = "x25519-hkdf-sha256-aes256gcm";
/** Bytes of an X25519 key (RFC 7748), private or public. */
export const X25519_BYTES = 32;
/** Bytes of a key that is sealed to a way. */
export const WRAPPED_KEY_BYTES = 32 + TAG_BYTES;

const nonce = new Uint8Array(NONCE_BYTES); // each sealing has a key of its own, so one nonce is enough
const none = new Uint8Array(0);

/** An X25519 key pair. */
export type WayKeyPair = { readonly privateKey: Secret; readonly publicKey: Uint8Array };

/** What a generation's key, sealed to one way, is bound to: it opens in no other place. */
export type ExchangeContext = { readonly vaultId: VaultId; readonly generation: number; readonly wayId: WayId };

/** A generation's key as one way can open it. */
export type WrappedKey = { readonly ephemeralKey: Uint8Array; readonly wrappedKey: Uint8Array };

/** @param privateKey  32 bytes, any */
export function keyPairOf(privateKey: Secret): WayKeyPair {
  const publicKey = createPublicKey(privateKeyObject(privateKey)).export({ format: "raw-public" });
  return { privateKey, publicKey: new Uint8Array(publicKey) };
}

/**
 * Seals a generation's key so that only the holder of the private key opens it.
 *
 * @param publicKey  the way's
 * @param key        32 bytes
 */
export function wrapToWay(context: ExchangeContext, publicKey: Uint8Array, key: Secret, random: Random): WrappedKey {
  using ephemeral = new Secret(random(X25519_BYTES));
  const { publicKey: ephemeralKey } = keyPairOf(ephemeral);
  using shared = agree(ephemeral, publicKey);
  using wrapping = wrappingKey(context, shared, ephemeralKey, publicKey);
  return { ephemeralKey, wrappedKey: sealGcm(wrapping.bytes, nonce, key.bytes, none) };
}

/** Opens what `wrapToWay` made; null when it was not made for this key pair and context, or was changed. */
export function unwrapFromWay(context: ExchangeContext, pair: WayKeyPair, wrapped: WrappedKey): Secret | null {
  let shared: Secret;
  try {
    shared = agree(pair.privateKey, wrapped.ephemeralKey);
  } catch {
    return null; // a point of low order, for which OpenSSL refuses to derive (RFC 7748, section 6.1)
  }
  using wrapping = wrappingKey(context, shared, wrapped.ephemeralKey, pair.publicKey);
  shared.wipe();
  const key = openGcm(wrapping.bytes, nonce, wrapped.wrappedKey, none);
  return key === null ? null : new Secret(key);
}

/** docs/format/keyring.md, "The generation's key". */
function wrappingKey(
  { vaultId, generation, wayId }: ExchangeContext,
  shared: Secret,
  ephemeralKey: Uint8Array,
  publicKey: Uint8Array,
): Secret {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, generation, true);
  const purpose = utf8(`lockstep v1 keyring ${SUITE}`);
  const info = concat(purpose, number, utf8(wayId), ephemeralKey, publicKey);
  return new Secret(hkdf(shared.bytes, idBytes(vaultId), info));
}

function agree(privateKey: Secret, publicKey: Uint8Array): Secret {
  const shared = diffieHellman({ privateKey: privateKeyObject(privateKey), publicKey: publicKeyObject(publicKey) });
  return new Secret(new Uint8Array(shared));
}

function privateKeyObject(privateKey: Secret): KeyObject {
  return createPrivateKey({ key: privateKey.bytes, format: "raw-private", asymmetricKeyType: "x25519" });
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: publicKey, format: "raw-public", asymmetricKeyType: "x25519" });
}
