import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, TAG_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import { equalSecret, hkdf, hmacSha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { SALT_BYTES, normalPassphrase } from "#vault/keyring/passphrase-kdf.ts";
import type { PassphraseCost, PassphraseKdf } from "#vault/keyring/passphrase-kdf.ts";
import { X25519_BYTES, keyPairOf } from "#vault/keyring/unlock-way-exchange.ts";
import type { WayKeyPair } from "#vault/keyring/unlock-way-exchange.ts";
import type { VaultFile } from "#vault/keyring/vault-file.ts";
import { idBytes } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";

declare const brand: unique symbol;
/** 16 random bytes as 32 lower-case hex digits. */
export type WayId = string & { readonly [brand]: "WayId" };

/** Bytes of a private key as a passphrase way keeps it. */
export const WRAPPED_PRIVATE_KEY_BYTES = X25519_BYTES + TAG_BYTES;
/** The longest label, in bytes of UTF-8. */
const LABEL_LIMIT_BYTES = 128;

/** What a person or a host holds that opens a vault. */
export type UnlockSecret =
  /** UTF-8, without the line end of the file or prompt that it came from. */
  | { readonly kind: "passphrase"; readonly passphrase: Secret }
  /** As `parseKeyFile` or `newFileKey` gave it. */
  | { readonly kind: "keyfile"; readonly key: Secret };

export type WayKind = UnlockSecret["kind"];

/** A way to be added. */
export type NewWay = { readonly label: string; readonly secret: UnlockSecret };

/** What people see of an unlock way. */
export type WayInfo = {
  readonly id: WayId;
  readonly kind: WayKind;
  /** Unique in a vault; names the way to people. */
  readonly label: string;
  readonly createdAt: Temporal.Instant;
};

/** One unlock way of a vault: everything of it that stays the same from generation to generation. All of it is public. */
export type UnlockWay = WayInfo & {
  readonly publicKey: Uint8Array;
  /** 32 bytes that only the private key makes: they bind the way to this vault and its root key. See `rootMac`. */
  readonly rootMac: Uint8Array;
} & (
    | { readonly kind: "keyfile" }
    | {
        readonly kind: "passphrase";
        readonly cost: PassphraseCost;
        readonly salt: Uint8Array;
        readonly wrappedPrivateKey: Uint8Array;
      }
  );

const nonce = new Uint8Array(NONCE_BYTES); // the salt is fresh for each way, and so is the key

/** What is wrong with a label, in words; null when nothing is. docs/format/keyring.md, "Unlock ways". */
export function labelProblem(label: string): string | null {
  if (label === "") return "it is empty";
  if (label.startsWith(" ") || label.endsWith(" ")) return "it starts or ends with a space";
  if (!label.isWellFormed()) return "it is not Unicode text";
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/.test(label)) return "it has a control character";
  return utf8(label).length > LABEL_LIMIT_BYTES ? `it is longer than ${LABEL_LIMIT_BYTES} bytes` : null;
}

/**
 * Makes an unlock way for a vault.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the label, or an empty passphrase; CANCELLED
 */
export async function makeWay(
  { label, secret }: NewWay,
  vault: VaultFile,
  deps: { readonly random: Random; readonly now: () => Temporal.Instant; readonly kdf: PassphraseKdf },
  signal: AbortSignal,
): Promise<{ readonly way: UnlockWay; readonly pair: WayKeyPair }> {
  const problem = labelProblem(label);
  if (problem !== null) {
    throw new LockstepError("ARGUMENT_INVALID", `Adding the unlock way ${JSON.stringify(label)}: ${problem}.`, {
      hint: `A label has 1 to ${LABEL_LIMIT_BYTES} bytes of printable text.`,
    });
  }
  const id = hex(deps.random(16)) as WayId;
  const createdAt = deps.now();
  if (secret.kind === "keyfile") {
    const pair = keyFilePair(vault.id, secret.key);
    return {
      way: { id, kind: "keyfile", label, createdAt, publicKey: pair.publicKey, rootMac: rootMac(vault, pair) },
      pair,
    };
  }
  const pair = keyPairOf(new Secret(deps.random(X25519_BYTES)));
  const salt = deps.random(SALT_BYTES);
  const { cost } = deps.kdf;
  using passphrase = normalPassphrase(secret.passphrase);
  using derived = await deps.kdf.derive(passphrase, salt, cost, signal);
  using wrapping = passphraseWrappingKey(vault.id, derived, id);
  const wrappedPrivateKey = sealGcm(wrapping.bytes, nonce, pair.privateKey.bytes, pair.publicKey);
  const { publicKey } = pair;
  return {
    way: {
      id,
      kind: "passphrase",
      label,
      createdAt,
      publicKey,
      rootMac: rootMac(vault, pair),
      cost,
      salt,
      wrappedPrivateKey,
    },
    pair,
  };
}

/** The key pair that a key file's key has in one vault; no two vaults show the same public key. */
export function keyFilePair(vaultId: VaultId, key: Secret): WayKeyPair {
  return keyPairOf(new Secret(hkdf(key.bytes, idBytes(vaultId), "lockstep v1 key file")));
}

/**
 * The key pair of a passphrase way. Does not check what the derivation costs: see `costRefusal`.
 *
 * @param passphrase  as `normalPassphrase` gave it
 * @returns           null when the passphrase is another one, or what the way holds was changed
 */
export async function passphrasePair(
  vaultId: VaultId,
  way: UnlockWay & { readonly kind: "passphrase" },
  passphrase: Secret,
  kdf: PassphraseKdf,
  signal: AbortSignal,
): Promise<WayKeyPair | null> {
  using derived = await kdf.derive(passphrase, way.salt, way.cost, signal);
  using wrapping = passphraseWrappingKey(vaultId, derived, way.id);
  const privateKey = openGcm(wrapping.bytes, nonce, way.wrappedPrivateKey, way.publicKey);
  if (privateKey === null) return null;
  const pair = keyPairOf(new Secret(privateKey));
  return equalSecret(pair.publicKey, way.publicKey) ? pair : null;
}

/**
 * A MAC over the vault's id and root commitment, made when the way was added, under a key that only the way's private key
 * gives. Anyone can seal to a public key, so without it the owner of the store could put a vault of his own in the place
 * of ours, which our secrets would open.
 */
export function rootMac(vault: Pick<VaultFile, "id" | "rootCommitment">, pair: WayKeyPair): Uint8Array {
  using key = new Secret(hkdf(pair.privateKey.bytes, idBytes(vault.id), "lockstep v1 unlock way root"));
  return hmacSha256(key.bytes, concat(idBytes(vault.id), vault.rootCommitment));
}

function passphraseWrappingKey(vaultId: VaultId, derived: Secret, wayId: WayId): Secret {
  return new Secret(hkdf(derived.bytes, idBytes(vaultId), `lockstep v1 passphrase ${wayId}`));
}
