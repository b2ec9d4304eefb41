import { Secret } from "#bytes/secret.ts";
import { fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import { equalSecret, hkdf } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import { X25519_BYTES, openSealed, publicKeyOf, sealTo } from "#crypto/x25519.ts";
import { LockstepError } from "#errors/errors.ts";
import type { RootKey } from "#keys/store/key-ring.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

/** What opens a key store after a restart. */
export type SealSecret =
  /** UTF-8, as typed. */
  | { readonly kind: "passphrase"; readonly secret: Secret }
  /** 32 random bytes that a file or the host's credential store keeps. */
  | { readonly kind: "key-file" | "host-credential"; readonly secret: Secret };

/** A way to be added. */
export type NewSeal = { readonly label: string; readonly secret: SealSecret };

/** One way in which a key store opens. All of it is public. */
export type Seal = {
  readonly id: string;
  readonly kind: SealSecret["kind"];
  readonly label: string;
  readonly createdMs: number;
  readonly publicKey: Uint8Array;
  readonly parameters: SealParameters;
};

/** What gives the private half of a seal's key pair from its secret. */
export type SealParameters =
  | { readonly by: "hkdf" }
  | {
      readonly by: "argon2id";
      readonly memoryKiB: number;
      readonly passes: number;
      readonly lanes: number;
      /** Hex. */
      readonly salt: string;
      /** The private half, sealed with what the passphrase gives; hex. */
      readonly wrapped: string;
    };

/** RFC 9106, section 4, the second recommended option. */
const cost = { memoryKiB: 64 * 1024, passes: 3, lanes: 4 };

/** A database asks for no more than this, whatever it holds. */
const cap = { memoryKiB: 1024 * 1024, passes: 16, lanes: 16 };

const nonce = new Uint8Array(NONCE_BYTES); // the salt is fresh for each seal, and so is the key

/** Makes a seal. @throws {LockstepError} ARGUMENT_INVALID: an empty passphrase, or no UTF-8; KDF_FAILED, CANCELLED */
export async function makeSeal(
  store: KeyStoreId,
  { label, secret }: NewSeal,
  deps: { readonly random: Random; readonly now: () => Temporal.Instant; readonly kdf: KeyDeriver },
  signal: AbortSignal,
): Promise<Seal> {
  const head = { id: hex(deps.random(16)), kind: secret.kind, label, createdMs: deps.now().epochMilliseconds };
  if (secret.kind !== "passphrase") {
    using derived = derivedPrivate(store, secret.secret);
    return { ...head, publicKey: publicKeyOf(derived), parameters: { by: "hkdf" } };
  }
  using privateKey = new Secret(deps.random(X25519_BYTES));
  const salt = deps.random(16);
  using wrapping = await passphraseKey(store, secret.secret, { ...cost, salt }, deps.kdf, signal);
  const publicKey = publicKeyOf(privateKey);
  const wrapped = hex(sealGcm(wrapping.bytes, nonce, privateKey.bytes, publicKey));
  return { ...head, publicKey, parameters: { by: "argon2id", ...cost, salt: hex(salt), wrapped } };
}

/** Seals a root key to a way. */
export function sealRoot(store: KeyStoreId, seal: Seal, root: RootKey, random: Random): Uint8Array {
  return sealTo(seal.publicKey, root.key.bytes, purpose(store, seal, root.number), random);
}

/**
 * Opens a root key by one of its seals.
 *
 * @returns  null when the secret is another one, or what the store holds was changed
 * @throws {LockstepError} UNLOCK_TOO_COSTLY: it asks for more than is allowed; KDF_FAILED, CANCELLED
 */
export async function openRoot(
  store: KeyStoreId,
  seal: Seal,
  sealed: { readonly root: Uint8Array; readonly rootNumber: number },
  secret: SealSecret,
  kdf: KeyDeriver,
  signal: AbortSignal,
): Promise<Secret | null> {
  if (secret.kind !== seal.kind) return null;
  using privateKey = await privateHalf(store, seal, secret.secret, kdf, signal);
  if (privateKey === null || !equalSecret(publicKeyOf(privateKey), seal.publicKey)) return null;
  return openSealed(privateKey, sealed.root, purpose(store, seal, sealed.rootNumber));
}

async function privateHalf(
  store: KeyStoreId,
  { parameters, publicKey }: Seal,
  secret: Secret,
  kdf: KeyDeriver,
  signal: AbortSignal,
): Promise<Secret | null> {
  if (parameters.by === "hkdf") return derivedPrivate(store, secret);
  const { memoryKiB, passes, lanes } = parameters;
  if (memoryKiB > cap.memoryKiB || passes > cap.passes || lanes > cap.lanes) {
    throw new LockstepError(
      "UNLOCK_TOO_COSTLY",
      `opening the key store: it asks for ${memoryKiB} KiB, ${passes} passes and ${lanes} lanes of Argon2, and ${cap.memoryKiB}, ${cap.passes} and ${cap.lanes} are allowed`,
    );
  }
  const salt = new Uint8Array(Buffer.from(parameters.salt, "hex"));
  using wrapping = await passphraseKey(store, secret, { memoryKiB, passes, lanes, salt }, kdf, signal);
  const opened = openGcm(wrapping.bytes, nonce, new Uint8Array(Buffer.from(parameters.wrapped, "hex")), publicKey);
  return opened === null ? null : new Secret(opened);
}

async function passphraseKey(
  store: KeyStoreId,
  passphrase: Secret,
  parameters: { memoryKiB: number; passes: number; lanes: number; salt: Uint8Array },
  kdf: KeyDeriver,
  signal: AbortSignal,
): Promise<Secret> {
  using normal = normalised(passphrase);
  using derived = await kdf.derive({ kind: "argon2id", ...parameters, keyBytes: 32 }, normal, signal);
  return new Secret(hkdf(derived.bytes, utf8(store), "lockstep v1 key store passphrase"));
}

/** As the vault's passphrases are: the same text, however it was typed, is the same passphrase. */
function normalised(passphrase: Secret): Secret {
  let text: string;
  try {
    text = fromUtf8(passphrase.bytes).normalize("NFKC");
  } catch {
    throw new LockstepError("ARGUMENT_INVALID", "reading the key store's passphrase: it is not UTF-8 text");
  }
  if (text === "") throw new LockstepError("ARGUMENT_INVALID", "reading the key store's passphrase: it is empty");
  return new Secret(utf8(text));
}

function derivedPrivate(store: KeyStoreId, secret: Secret): Secret {
  return new Secret(hkdf(secret.bytes, utf8(store), "lockstep v1 key store seal"));
}

function purpose(store: KeyStoreId, { id }: Seal, rootNumber: number): string {
  return `lockstep v1 key store ${store} root ${rootNumber} seal ${id}`;
}
