import { z } from "zod";

import { concat } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { Secret } from "#bytes/secret.ts";
import { base64, fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, TAG_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import { equalSecret, hkdf, hmacSha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import { base64Field, hexField, idField, instantField, problemsOf } from "#vault/keyring/keyring-fields.ts";
import { SALT_BYTES } from "#vault/keyring/passphrase-kdf.ts";
import { SUITE, WRAPPED_KEY_BYTES, X25519_BYTES } from "#vault/keyring/unlock-way-exchange.ts";
import type { WrappedKey } from "#vault/keyring/unlock-way-exchange.ts";
import { WRAPPED_PRIVATE_KEY_BYTES, labelProblem } from "#vault/keyring/unlock-way.ts";
import type { UnlockWay, WayId } from "#vault/keyring/unlock-way.ts";
import { idBytes } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";

/** The longest keyring generation that is read. */
export const KEYRING_LIMIT_BYTES = 1024 * 1024;
/** The most unlock ways of a vault. */
export const WAYS_LIMIT = 64;
/** The most data-key epochs of a vault. */
export const EPOCHS_LIMIT = 8192;

const FORMAT = "lockstep keyring";
const VERSION = 1;
const KEY_BYTES = 32;
const nonce = new Uint8Array(NONCE_BYTES); // each generation has a key of its own, so one nonce is enough

/** One generation of the keyring, without its MAC. */
export type Keyring = {
  readonly vaultId: VaultId;
  readonly generation: number;
  /** SHA-256 of the previous generation's bytes; null in the first. */
  readonly previous: Uint8Array | null;
  readonly createdAt: Temporal.Instant;
  readonly ways: readonly SealedWay[];
  /** What `sealContents` made. */
  readonly sealed: Uint8Array;
};

/** An unlock way, and this generation's key as it can open it. */
export type SealedWay = UnlockWay & WrappedKey;

/** What a keyring keeps. */
export type KeyringContents = {
  readonly root: Secret;
  /** Data keys, 32 bytes each; the first is of epoch 1. */
  readonly epochs: readonly Secret[];
};

/** The sealed contents of a generation. @param key 32 random bytes, used for this generation only */
export function sealContents(
  place: Pick<Keyring, "vaultId" | "generation">,
  key: Secret,
  contents: KeyringContents,
): Uint8Array {
  using plain = new Secret(
    concat(contents.root.bytes, u32(contents.epochs.length), ...contents.epochs.map((epoch) => epoch.bytes)),
  );
  return sealGcm(key.bytes, nonce, plain.bytes, contentsPlace(place));
}

/** Opens what `sealContents` made; null when it was made for another key or place, was changed, or is impossible. */
export function openContents(keyring: Keyring, key: Secret): KeyringContents | null {
  const plain = openGcm(key.bytes, nonce, keyring.sealed, contentsPlace(keyring));
  if (plain === null || plain.length < KEY_BYTES + 4) return null;
  using whole = new Secret(plain);
  const at = new Cursor(whole.bytes, "contents of the keyring");
  const key32 = (field: string): Secret => new Secret(new Uint8Array(at.bytes(KEY_BYTES, field))); // a copy
  const root = key32("root key");
  const count = at.u32("epoch count");
  if (count < 1 || count > EPOCHS_LIMIT || at.left !== count * KEY_BYTES) return null;
  const epochs: Secret[] = [];
  for (let epoch = 1; epoch <= count; epoch++) epochs.push(key32(`epoch ${epoch}`));
  return { root, epochs };
}

/**
 * The bytes of a generation: JSON whose last member is the MAC over every byte before it.
 *
 * @param root  the vault's root key
 */
export function writeKeyring(keyring: Keyring, root: Secret): Uint8Array {
  const content = {
    format: FORMAT,
    version: VERSION,
    suite: SUITE,
    vault: keyring.vaultId,
    generation: keyring.generation,
    previous: keyring.previous === null ? null : hex(keyring.previous),
    createdAt: keyring.createdAt.toString(),
    ways: keyring.ways.map(wayToJson),
    sealed: base64(keyring.sealed),
  };
  const covered = utf8(JSON.stringify(content, null, 2).slice(0, -"\n}".length));
  return concat(covered, utf8(macLine(macOf(keyring.vaultId, root, covered))));
}

/**
 * Parses a generation. Verifies nothing: not its MAC (see `hasMacOf`), nor that it follows the one before.
 *
 * @param key         where it lay, for messages
 * @param generation  the number in its key, which must be the one inside
 * @param bytes       the whole object
 * @throws {LockstepError} OBJECT_CORRUPT: no keyring, or a field is wrong; VAULT_NEWER: a newer format, suite or kind of
 *   unlock way
 */
export function parseKeyring(key: ObjectKey, generation: number, bytes: Uint8Array): Keyring {
  const corrupt = (why: string, cause?: unknown): LockstepError =>
    new LockstepError("OBJECT_CORRUPT", `Reading the keyring ${key}: ${why}.`, { cause });
  if (bytes.length > KEYRING_LIMIT_BYTES) throw corrupt(`${bytes.length} bytes are too many`);
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw corrupt("it is not JSON", cause);
  }
  const newer = newerThanKnown(json);
  if (newer !== null) {
    throw new LockstepError("VAULT_NEWER", `Reading the keyring ${key}: this Lockstep does not know ${newer}.`, {
      hint: "Update Lockstep on this host.",
    });
  }
  const parsed = keyringSchema.safeParse(json);
  if (!parsed.success) throw corrupt(problemsOf(parsed.error), parsed.error);
  const { vault: vaultId, previous, createdAt, ways, sealed } = parsed.data;
  if (parsed.data.generation !== generation) throw corrupt(`it says it is generation ${parsed.data.generation}`);
  if ((previous === null) !== (generation === 1)) throw corrupt("previous: only generation 1 follows none");
  for (const nameOf of [idOf, labelOf, publicKeyOf]) {
    if (new Set(ways.map(nameOf)).size !== ways.length) throw corrupt("two unlock ways have the same id, label or key");
  }
  return { vaultId, generation, previous, createdAt, ways, sealed };
}

/**
 * Whether someone with the vault's root key wrote these bytes. Needs no other knowledge of them, and so tells a genuine
 * generation of a newer format from a forged one.
 */
export function hasMacOf(vaultId: VaultId, root: Secret, bytes: Uint8Array): boolean {
  const end = bytes.length - MAC_LINE_BYTES;
  if (end < 0) return false;
  const covered = bytes.subarray(0, end);
  return equalSecret(bytes.subarray(end), utf8(macLine(macOf(vaultId, root, covered))));
}

const idOf = (way: UnlockWay): string => way.id;
const labelOf = (way: UnlockWay): string => way.label;
const publicKeyOf = (way: UnlockWay): string => hex(way.publicKey);

function macOf(vaultId: VaultId, root: Secret, covered: Uint8Array): Uint8Array {
  using key = new Secret(hkdf(root.bytes, idBytes(vaultId), "lockstep v1 keyring mac"));
  return hmacSha256(key.bytes, covered);
}

function macLine(mac: Uint8Array): string {
  return `,\n  "mac": "${hex(mac)}"\n}\n`;
}

const MAC_LINE_BYTES = macLine(new Uint8Array(32)).length;

function contentsPlace({ vaultId, generation }: Pick<Keyring, "vaultId" | "generation">): Uint8Array {
  return concat(utf8("lockstep v1 keyring contents"), idBytes(vaultId), u32(generation));
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function wayToJson(way: SealedWay): object {
  const passphrase =
    way.kind === "keyfile"
      ? {}
      : {
          kdf: "argon2id",
          memoryKiB: way.cost.memoryKiB,
          passes: way.cost.passes,
          lanes: way.cost.lanes,
          salt: base64(way.salt),
          wrappedPrivateKey: base64(way.wrappedPrivateKey),
        };
  return {
    id: way.id,
    kind: way.kind,
    label: way.label,
    createdAt: way.createdAt.toString(),
    publicKey: base64(way.publicKey),
    rootMac: base64(way.rootMac),
    ...passphrase,
    ephemeralKey: base64(way.ephemeralKey),
    wrappedKey: base64(way.wrappedKey),
  };
}

const knownKinds = ["passphrase", "keyfile"];

/** What every version of the format has. */
const versionSchema = z.object({ format: z.literal(FORMAT), version: z.int().positive() });
const suiteSchema = z.object({ suite: z.string().max(200) });
const kindsSchema = z.object({
  ways: z.array(z.object({ kind: z.string().max(200), kdf: z.string().max(200).optional() })).max(WAYS_LIMIT),
});

/** What of it only a newer program knows, in words; null when there is no such thing, or when it is no keyring. */
function newerThanKnown(json: unknown): string | null {
  const head = versionSchema.safeParse(json);
  if (!head.success) return null;
  if (head.data.version > VERSION) return `format version ${head.data.version}`;
  const suite = suiteSchema.safeParse(json).data?.suite ?? SUITE;
  if (suite !== SUITE) return `the suite ${JSON.stringify(suite)}`;
  const ways = kindsSchema.safeParse(json).data?.ways ?? [];
  const kind = ways.find((way) => !knownKinds.includes(way.kind))?.kind;
  if (kind !== undefined) return `the kind ${JSON.stringify(kind)} of unlock ways`;
  const kdf = ways.find((way) => way.kdf !== undefined && way.kdf !== "argon2id")?.kdf;
  return kdf === undefined ? null : `the key derivation ${JSON.stringify(kdf)}`;
}

const u32Field = z.int().min(1).max(0xffff_ffff);

const anyWay = {
  id: idField<WayId>(),
  label: z.string().refine((label) => labelProblem(label) === null, "is not a label"),
  createdAt: instantField,
  publicKey: base64Field(X25519_BYTES),
  rootMac: base64Field(32),
  ephemeralKey: base64Field(X25519_BYTES),
  wrappedKey: base64Field(WRAPPED_KEY_BYTES),
};
const keyFileWay = z.strictObject({ ...anyWay, kind: z.literal("keyfile") });
const passphraseWay = z
  .strictObject({
    ...anyWay,
    kind: z.literal("passphrase"),
    kdf: z.literal("argon2id"),
    memoryKiB: u32Field,
    passes: u32Field,
    lanes: u32Field,
    salt: base64Field(SALT_BYTES),
    wrappedPrivateKey: base64Field(WRAPPED_PRIVATE_KEY_BYTES),
  })
  // RFC 9106, section 3.1: at least eight blocks of memory a lane
  .refine((way) => way.memoryKiB >= 8 * way.lanes, "has too little memory for its lanes")
  .transform(({ memoryKiB, passes, lanes, ...way }) => ({ ...way, cost: { memoryKiB, passes, lanes } }));

const keyringSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  suite: z.literal(SUITE),
  vault: idField<VaultId>(),
  generation: u32Field,
  previous: hexField(32).nullable(),
  createdAt: instantField,
  ways: z
    .array(z.union([keyFileWay, passphraseWay]))
    .min(1)
    .max(WAYS_LIMIT),
  sealed: base64Field(KEY_BYTES + 4 + KEY_BYTES + TAG_BYTES, KEY_BYTES + 4 + EPOCHS_LIMIT * KEY_BYTES + TAG_BYTES),
  mac: hexField(32),
});
