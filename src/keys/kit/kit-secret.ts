import { createPrivateKey } from "node:crypto";
import type { webcrypto } from "node:crypto";

import { identityToRecipient } from "age-encryption";

import { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { hkdf } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";

/** Bytes of a kit's secret. */
export const KIT_SECRET_BYTES = 32;
/** Bytes of a set's id. */
export const SET_ID_BYTES = 4;

const noSalt = new Uint8Array();

/** What opens the copies of a key store: an age identity of kind X25519. */
export type CopiesIdentity = {
  readonly privateKey: webcrypto.CryptoKey;
  /** `age1…`. */
  readonly recipient: string;
};

/** A new kit's secret. It is stored nowhere: its shares are all that stays of it. */
export function newKitSecret(random: Random): Secret {
  return new Secret(random(KIT_SECRET_BYTES));
}

/**
 * The name of the set of shares that a kit's secret is split into: 8 hex digits. It tells sets apart, and shows that shares that
 * were combined gave the secret.
 */
export function kitSetId(secret: Secret): string {
  return hex(hkdf(secret.bytes, noSalt, "lockstep v1 kit set", SET_ID_BYTES));
}

/** The key of the unlock way that every vault gets, as a key file would hold it. */
export function kitVaultKey(secret: Secret): Secret {
  return new Secret(hkdf(secret.bytes, noSalt, "lockstep v1 kit vault"));
}

/** What the unlock way of a kit is called in a vault. */
export function kitWayLabel(setId: string): string {
  return `kit ${setId}`;
}

/** What opens the key store's copies. The private half cannot be taken out of it. @see docs/format/kit.md */
export async function kitCopiesIdentity(secret: Secret): Promise<CopiesIdentity> {
  using raw = new Secret(hkdf(secret.bytes, noSalt, "lockstep v1 kit copies"));
  const key = createPrivateKey({ key: raw.bytes, format: "raw-private", asymmetricKeyType: "x25519" });
  const privateKey = key.toCryptoKey("X25519", false, ["deriveBits"]);
  return { privateKey, recipient: await identityToRecipient(privateKey) };
}
