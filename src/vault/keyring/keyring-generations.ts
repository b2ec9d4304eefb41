import { equalBytes } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { KEYRING_LIMIT_BYTES, parseKeyring } from "#vault/keyring/keyring-format.ts";
import type { Keyring } from "#vault/keyring/keyring-format.ts";
import { objectKeys, parseSeqKey } from "#vault/object/object-keys.ts";

/** The most bytes that all generations and copies together may have: thousands of changes of a vault with many ways. */
const ALL_LIMIT_BYTES = 64 * 1024 * 1024;

/** An object that says it is a generation of the keyring. Nothing about it is verified. */
export type StoredGeneration = {
  readonly number: number;
  readonly key: ObjectKey;
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, hex. */
  readonly hash: string;
  /**
   * What it says, or why it cannot be read: OBJECT_CORRUPT, VAULT_NEWER; and with empty `bytes` OBJECT_TOO_LARGE, of a second
   * copy, and STORE_UNAVAILABLE, where the other place could be read.
   */
  readonly content: Keyring | LockstepError;
};

/** Everything that lies where one generation should, the primary and its second copy. */
export type GenerationPlace = {
  readonly number: number;
  readonly key: ObjectKey;
  /** Where the primary is, or should be, first. Equal copies are in it once; a primary that is unreadably large is not in it. */
  readonly found: readonly StoredGeneration[];
  readonly hasPrimary: boolean;
  readonly hasCopy: boolean;
};

/**
 * Reads every generation of the keyring that is in the store.
 *
 * @returns  in order of their numbers; numbers may be left out, and a place may hold two objects that differ
 * @throws {LockstepError} VAULT_CORRUPT: more bytes than any vault's keyring has; STORE_UNAVAILABLE: a generation can be
 *   read from neither place
 */
export async function readGenerations(store: Store, signal: AbortSignal): Promise<readonly GenerationPlace[]> {
  // A copy is written after its primary: listed in this order, a copy alone means that the primary was lost.
  const copies = await listGenerations(store, objectKeys.copy(objectKeys.keyringPrefix), signal);
  const primaries = await listGenerations(store, objectKeys.keyringPrefix, signal);
  let left = ALL_LIMIT_BYTES;
  for (const sizeBytes of [...copies.values(), ...primaries.values()]) left -= readable(sizeBytes) ? sizeBytes : 0;
  if (left < 0) {
    throw new LockstepError("VAULT_CORRUPT", `Opening the vault in ${store.name}: its keyring is impossibly large.`, {
      hint: `Look at what else was put under ${objectKeys.keyringPrefix}, and remove it.`,
    });
  }
  const places: GenerationPlace[] = [];
  for (const number of [...new Set([...copies.keys(), ...primaries.keys()])].sort((a, b) => a - b)) {
    const key = objectKeys.keyring(number);
    const found: StoredGeneration[] = [];
    const primary = primaries.get(number);
    const copy = copies.get(number);
    if (primary !== undefined && readable(primary)) found.push(...(await readOne(store, key, number, signal)));
    if (copy !== undefined) {
      const copyKey = objectKeys.copy(key);
      const second = readable(copy) ? await readOne(store, copyKey, number, signal) : [tooLarge(copyKey, number, copy)];
      found.push(...second.filter(({ bytes }) => !found.some((first) => equalBytes(first.bytes, bytes))));
    }
    const [unread] = found.flatMap(({ content }) => (isLockstepError(content, "STORE_UNAVAILABLE") ? [content] : []));
    if (unread !== undefined && found.every(({ content }) => isLockstepError(content, "STORE_UNAVAILABLE")))
      throw unread;
    places.push({ number, key, found, hasPrimary: primary !== undefined, hasCopy: copy !== undefined });
  }
  return places;
}

function readable(sizeBytes: number): boolean {
  return sizeBytes <= KEYRING_LIMIT_BYTES;
}

function tooLarge(key: ObjectKey, number: number, sizeBytes: number): StoredGeneration {
  const bytes = new Uint8Array();
  const content = new LockstepError(
    "OBJECT_TOO_LARGE",
    `${key} has ${sizeBytes} bytes: no generation of a keyring has`,
  );
  return { number, key, bytes, hash: hex(sha256(bytes)), content };
}

/** Sizes by number of generation. */
async function listGenerations(store: Store, prefix: string, signal: AbortSignal): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  for await (const { key, sizeBytes } of store.list(prefix, {}, signal)) {
    const number = key.length === prefix.length + 8 ? parseSeqKey(key) : null;
    if (number !== null && number > 0) sizes.set(number, sizeBytes);
  }
  return sizes;
}

async function readOne(store: Store, key: ObjectKey, number: number, signal: AbortSignal): Promise<StoredGeneration[]> {
  try {
    const bytes = await store.get(key, KEYRING_LIMIT_BYTES, signal);
    if (bytes === null) return [];
    return [{ number, key, bytes, hash: hex(sha256(bytes)), content: contentOf(key, number, bytes) }];
  } catch (error) {
    if (!isLockstepError(error, "STORE_UNAVAILABLE")) throw error;
    const bytes = new Uint8Array();
    return [{ number, key, bytes, hash: hex(sha256(bytes)), content: error }];
  }
}

function contentOf(key: ObjectKey, number: number, bytes: Uint8Array): Keyring | LockstepError {
  try {
    return parseKeyring(key, number, bytes);
  } catch (error) {
    if (isLockstepError(error)) return error;
    throw error;
  }
}
