import { z } from "zod";

import { equalBytes } from "#bytes/arrays.ts";
import { fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { hexField, idField, instantField, problemsOf } from "#vault/keyring/keyring-fields.ts";
import type { VaultId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

/** The longest `vault.json` that is read. */
const VAULT_FILE_LIMIT_BYTES = 64 * 1024;

const FORMAT = "lockstep vault";
const VERSION = 1;
/** Incompatible features that this program knows. */
const KNOWN_FEATURES: readonly string[] = [];

/** What makes a store a vault; written once, last of all when a vault is created. docs/format/keyring.md, "vault.json". */
export type VaultFile = {
  readonly id: VaultId;
  readonly createdAt: Temporal.Instant;
  /** 32 bytes: see `rootCommitment`. */
  readonly rootCommitment: Uint8Array;
};

const head = z.object({ format: z.literal(FORMAT), version: z.int().positive(), incompatible: z.array(z.string()) });
const body = z.object({
  compatible: z.array(z.string()),
  id: idField<VaultId>(),
  createdAt: instantField,
  rootCommitment: hexField(32),
});

/** The bytes of `vault.json`. */
export function writeVaultFile(file: VaultFile): Uint8Array {
  const content = {
    format: FORMAT,
    version: VERSION,
    incompatible: [],
    compatible: [],
    id: file.id,
    createdAt: file.createdAt.toString(),
    rootCommitment: hex(file.rootCommitment),
  };
  return utf8(`${JSON.stringify(content, null, 2)}\n`);
}

/**
 * Parses `vault.json`. Does not verify it: only an opened keyring shows that the commitment is right. Members that it does
 * not know are passed over: a compatible feature may add some.
 *
 * @param where  for messages, such as `vault.json of directory /backup/vault`
 * @throws {LockstepError} VAULT_MISSING: JSON of something else; VAULT_NEWER: a newer format, or a feature that this
 *   program does not know; VAULT_CORRUPT: no JSON, or a field is wrong
 */
export function parseVaultFile(where: string, bytes: Uint8Array): VaultFile {
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw corruptError(where, "it is not JSON", cause);
  }
  const outer = head.safeParse(json);
  if (!outer.success) {
    throw new LockstepError("VAULT_MISSING", `Reading ${where}: it does not describe a vault of Lockstep.`, {
      hint: "Name the place where `lockstep init` made the vault.",
      cause: outer.error,
    });
  }
  const { version, incompatible } = outer.data;
  const unknown = incompatible.filter((feature) => !KNOWN_FEATURES.includes(feature));
  if (version > VERSION || unknown.length > 0) {
    const what = version > VERSION ? `format version ${version}` : `the features ${JSON.stringify(unknown)}`;
    throw new LockstepError("VAULT_NEWER", `Reading ${where}: this Lockstep does not know ${what}.`, {
      hint: "Update Lockstep on this host.",
    });
  }
  const inner = body.safeParse(json);
  if (!inner.success) throw corruptError(where, problemsOf(inner.error), inner.error);
  const { id, createdAt, rootCommitment } = inner.data;
  return { id, createdAt, rootCommitment };
}

/** What a store holds as `vault.json` and its second copy. */
export type FoundVaultFiles = {
  /** Those that could be parsed: one, or two that differ, the primary first. Never empty. */
  readonly files: readonly [VaultFile, ...VaultFile[]];
  /** What was wrong with the primary or the copy, in words. */
  readonly warnings: readonly string[];
  /** The primary or the copy where it should be and is not. */
  readonly unstored: readonly { readonly key: ObjectKey; readonly bytes: Uint8Array }[];
  /** The second copy with what it should be, where it is there and is no vault file while the primary is one. */
  readonly damagedCopies: readonly { readonly key: ObjectKey; readonly bytes: Uint8Array }[];
};

/**
 * Reads `vault.json` and its second copy, which stands in for it where it is missing or damaged.
 *
 * @throws {LockstepError} what `parseVaultFile` throws; VAULT_MISSING also where there is neither; STORE_UNAVAILABLE,
 *   OBJECT_TOO_LARGE: one cannot be read, and the other is not there either
 */
export async function readVaultFiles(store: Store, signal: AbortSignal): Promise<FoundVaultFiles> {
  const copyKey = objectKeys.copy(objectKeys.vault);
  // The copy is written after the primary: read in this order, a copy alone means that the primary was lost.
  const copy = await readOrError(store, copyKey, signal);
  const primary = await readOrError(store, objectKeys.vault, signal);
  for (const [one, other] of [
    [primary, copy],
    [copy, primary],
  ]) {
    if (one instanceof LockstepError && !(other instanceof Uint8Array)) throw one;
  }
  if (primary === null && copy === null) {
    throw new LockstepError("VAULT_MISSING", `Opening the vault in ${store.name}: there is no ${objectKeys.vault}.`, {
      hint: "Check that what the vault lies on is mounted there, and `lockstep config show`. `lockstep init` makes a vault.",
    });
  }
  const files: VaultFile[] = [];
  const warnings: string[] = [];
  const damagedCopies = [];
  let firstError: LockstepError | null = null;
  for (const [key, bytes] of [
    [objectKeys.vault, primary],
    [copyKey, copy],
  ] as const) {
    if (bytes === null) continue;
    if (key === copyKey && primary instanceof Uint8Array && bytes instanceof Uint8Array && equalBytes(primary, bytes)) {
      continue;
    }
    try {
      if (bytes instanceof LockstepError) throw bytes;
      files.push(parseVaultFile(`${key} of ${store.name}`, bytes));
    } catch (error) {
      if (!isLockstepError(error)) throw error;
      const isDamaged = !isLockstepError(error, "VAULT_NEWER", "STORE_UNAVAILABLE");
      if (key === copyKey && isDamaged && firstError === null && primary instanceof Uint8Array) {
        damagedCopies.push({ key, bytes: primary });
      }
      firstError ??= error;
      warnings.push(messageOf(error));
    }
  }
  const [first, ...others] = files;
  if (first === undefined) throw firstError ?? new Error("a vault file was neither parsed nor refused");
  if (primary === null) warnings.push(`${objectKeys.vault} is missing in ${store.name}; its second copy was read.`);
  if (others.length > 0) warnings.push(`${objectKeys.vault} and its second copy in ${store.name} differ.`);
  const unstored = [];
  if (primary === null && copy instanceof Uint8Array) unstored.push({ key: objectKeys.vault, bytes: copy });
  if (copy === null && primary instanceof Uint8Array && store.traits.singleDisk) {
    unstored.push({ key: copyKey, bytes: primary });
  }
  return { files: [first, ...others], warnings, unstored, damagedCopies };
}

/** The object; null when there is none; the error where it cannot be read, such as on a bad sector. */
async function readOrError(
  store: Store,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<Uint8Array | LockstepError | null> {
  try {
    return await store.get(key, VAULT_FILE_LIMIT_BYTES, signal);
  } catch (error) {
    if (isLockstepError(error, "STORE_UNAVAILABLE", "OBJECT_TOO_LARGE")) return error;
    throw error;
  }
}

function corruptError(where: string, why: string, cause: unknown): LockstepError {
  return new LockstepError("VAULT_CORRUPT", `Reading ${where}: ${why}.`, {
    hint: "Put the object back from a replica of the vault: it was never changed since the vault was made.",
    cause,
  });
}
