import { equalBytes } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { ENTRY_LIMIT_BYTES, parseEntry } from "#vault/entry/entry-format.ts";
import type { LoggedEntry } from "#vault/entry/entry.ts";
import { FLAG_ZSTD, parseHeader } from "#vault/object/header.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys, parseSeqKey } from "#vault/object/object-keys.ts";
import { openObject } from "#vault/object/sealed.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** Entries that are fetched at the same time while more are known to come. */
const AHEAD = 16;

/** Where a log lies, and what opens it. */
export type LogSource = { readonly store: Store; readonly keys: VaultKeys; readonly machine: MachineId };

/** A place in a log: an entry's number and the SHA-256 (hex) of its object. */
export type Head = { readonly seq: number; readonly hash: string };

/** An entry, and the bytes of its object. */
export type ReadEntry = LoggedEntry & { readonly bytes: Uint8Array };

/**
 * The number of the last entry that a listing shows after entry `after`; `after` itself when it shows none.
 *
 * Only a hint: entries may be missing from a listing, or come after it. It tells how many to fetch at once, and that an
 * entry which cannot be got is not the end of the log.
 */
export async function lastListed(source: LogSource, after: number, signal: AbortSignal): Promise<number> {
  const from = after === 0 ? {} : { after: objectKeys.logEntry(source.machine, after) };
  let last = after;
  for await (const { key } of source.store.list(objectKeys.logPrefix(source.machine), from, signal)) {
    last = parseSeqKey(key) ?? last;
  }
  return last;
}

/**
 * Gives the entries after `head`, in order, each of them checked to follow the one before, up to the first that is not
 * there.
 *
 * An entry whose object is missing or broken is taken from its second copy, and `warn` is told. Where the object is
 * missing, the copy's bytes are put in its place. That is safe: a copy is written only after the entry itself was
 * definitely in the log, and with the same bytes, so that place was decided once and for all and only the object was
 * lost since. A put never replaces anything: had somebody else written there meanwhile, the put would say so.
 *
 * @param head   null: from the first entry on
 * @param known  number of an entry that is known to be in the log; a gap before it is an error, not the log's end
 * @throws {LockstepError} LOG_CORRUPT: an entry is missing before a later one, is not what was written, or does not follow
 *   the one before; VAULT_NEWER; KEYRING_ROLLED_BACK: sealed with a data key that is newer than all of the keyring
 */
export async function* readLog(
  source: LogSource,
  head: Head | null,
  known: number,
  warn: (warning: string) => void,
  signal: AbortSignal,
): AsyncGenerator<ReadEntry, undefined> {
  const ahead = new Map<number, Promise<Fetched>>();
  let last = head;
  for (let seq = (head?.seq ?? 0) + 1; ; seq++) {
    for (let next = seq; next <= Math.min(known, seq + AHEAD - 1); next++) {
      if (!ahead.has(next))
        ahead.set(next, fetchObject(source.store, objectKeys.logEntry(source.machine, next), signal));
    }
    const fetched = await (ahead.get(seq) ??
      fetchObject(source.store, objectKeys.logEntry(source.machine, seq), signal));
    ahead.delete(seq);
    const place = { source, seq, previous: last?.hash ?? null };
    const entry = openFetched(place, fetched) ?? (await fromCopy(place, fetched, known, warn, signal));
    if (entry === null) return;
    yield entry;
    last = { seq, hash: entry.hash };
  }
}

/**
 * SHA-256 (hex) of the objects of one entry: of the first, and where there is one, of the copy. Opens neither.
 *
 * @throws {LockstepError} STORE_UNAVAILABLE: none was read, and one gave no answer
 */
export async function entryHashes(source: LogSource, seq: number, signal: AbortSignal): Promise<readonly string[]> {
  const key = objectKeys.logEntry(source.machine, seq);
  const found = [];
  let unanswered: LockstepError | null = null;
  for (const place of [key, objectKeys.copy(key)]) {
    const fetched = await fetchObject(source.store, place, signal);
    if ("error" in fetched) {
      if (!isLockstepError(fetched.error, "STORE_UNAVAILABLE", "OBJECT_TOO_LARGE")) throw fetched.error;
      unanswered ??= fetched.error;
    } else if (fetched.bytes !== null) found.push(hex(sha256(fetched.bytes)));
  }
  if (found.length === 0 && unanswered !== null) throw unanswered;
  return found;
}

/** What a get gave, kept as a value so that one that fails ahead of its turn waits for it. */
type Fetched = { readonly bytes: Uint8Array | null } | { readonly error: unknown };

type Place = { readonly source: LogSource; readonly seq: number; readonly previous: string | null };

async function fetchObject(store: Store, key: ObjectKey, signal: AbortSignal): Promise<Fetched> {
  try {
    return { bytes: await store.get(key, ENTRY_LIMIT_BYTES, signal) };
  } catch (error) {
    return { error };
  }
}

/** The entry; null when there is none or a copy may help: also where its place gives no answer, such as a bad sector. */
function openFetched(place: Place, fetched: Fetched): ReadEntry | null {
  if ("error" in fetched) {
    if (isLockstepError(fetched.error, "OBJECT_TOO_LARGE", "STORE_UNAVAILABLE")) return null;
    throw fetched.error;
  }
  if (fetched.bytes === null) return null;
  try {
    return openEntry(place, fetched.bytes);
  } catch (error) {
    if (isBroken(error)) return null;
    throw error;
  }
}

async function fromCopy(
  place: Place,
  fetched: Fetched,
  known: number,
  warn: (warning: string) => void,
  signal: AbortSignal,
): Promise<ReadEntry | null> {
  const { source, seq } = place;
  const key = objectKeys.logEntry(source.machine, seq);
  const missing = "bytes" in fetched && fetched.bytes === null;
  const mustBe = !missing || seq <= known;
  const copies = mustBe || source.store.traits.singleDisk;
  const bytes = copies ? await source.store.get(objectKeys.copy(key), ENTRY_LIMIT_BYTES, signal) : null;
  if (bytes === null) {
    if (mustBe) throw lost(place, fetched);
    return null;
  }
  const entry = openCopy(place, fetched, bytes);
  if (!missing) {
    const what = "error" in fetched ? `cannot be read (${messageOf(fetched.error)})` : "is damaged";
    warn(`${key} ${what}; it was read from its second copy`);
    return entry;
  }
  return putBack(place, entry, warn, signal);
}

/** @throws what is wrong with the entry itself, when the copy is no better */
function openCopy(place: Place, fetched: Fetched, bytes: Uint8Array): ReadEntry {
  try {
    return openEntry(place, bytes);
  } catch (error) {
    if (isBroken(error)) throw lost(place, fetched);
    throw error;
  }
}

async function putBack(
  place: Place,
  entry: ReadEntry,
  warn: (warning: string) => void,
  signal: AbortSignal,
): Promise<ReadEntry> {
  const { store, machine } = place.source;
  const key = objectKeys.logEntry(machine, place.seq);
  try {
    if ((await store.put(key, [entry.bytes], {}, signal)) === "exists") {
      const there = await store.get(key, ENTRY_LIMIT_BYTES, signal);
      if (there !== null && !equalBytes(there, entry.bytes)) return openEntry(place, there);
    }
    warn(`${key} was missing; it was put back from its second copy`);
  } catch (error) {
    if (!isLockstepError(error, "STORE_DENIED", "STORE_FULL", "STORE_UNAVAILABLE")) throw error;
    warn(`${key} is missing; it was read from its second copy, and could not be put back: ${messageOf(error)}`);
  }
  return entry;
}

/** The error for an entry that must be there and cannot be read, from neither of its places. */
function lost(place: Place, fetched: Fetched): unknown {
  const key = objectKeys.logEntry(place.source.machine, place.seq);
  if ("error" in fetched) {
    if (isLockstepError(fetched.error, "STORE_UNAVAILABLE")) return fetched.error;
    return logCorrupt(key, messageOf(fetched.error), fetched.error);
  }
  if (fetched.bytes === null) return logCorrupt(key, "it is missing, and later entries are there");
  try {
    openEntry(place, fetched.bytes);
  } catch (error) {
    return error;
  }
  return logCorrupt(key, "it cannot be read");
}

/** @throws {LockstepError} LOG_CORRUPT, VAULT_NEWER, KEYRING_ROLLED_BACK */
function openEntry({ source, seq, previous }: Place, bytes: Uint8Array): ReadEntry {
  const key = objectKeys.logEntry(source.machine, seq);
  const entry = parseEntry(openPayload(source.keys, key, bytes), key);
  if (entry.seq !== seq || entry.previous !== previous) {
    throw logCorrupt(key, "it does not follow the entry before it");
  }
  return { entry, hash: hex(sha256(bytes)), bytes };
}

function openPayload(keys: VaultKeys, key: ObjectKey, bytes: Uint8Array): Uint8Array {
  try {
    refuseNewerEpoch(keys, key, parseHeader(key, bytes, "entr", FLAG_ZSTD).epoch);
    return openObject(keys, "entr", key, bytes);
  } catch (error) {
    if (isLockstepError(error, "OBJECT_CORRUPT")) throw logCorrupt(key, error.message, error);
    throw error;
  }
}

/** Nothing vouches for the header's epoch before the object is opened, so the entry may as well be damaged. */
function refuseNewerEpoch(keys: VaultKeys, key: ObjectKey, epoch: number): void {
  if (epoch <= Math.max(...keys.epochs.keys())) return;
  const { generation } = keys.keyring;
  throw new LockstepError(
    "KEYRING_ROLLED_BACK",
    `${key} is sealed with data key ${epoch}, which is newer than all of keyring generation ${generation}`,
    { hint: "Put the missing objects of the keyring back from a copy of the store, and run `lockstep vault check`." },
  );
}

function isBroken(error: unknown): boolean {
  return isLockstepError(error, "LOG_CORRUPT", "VAULT_NEWER", "KEYRING_ROLLED_BACK");
}

/** The error for a log that is broken at one entry. */
export function logCorrupt(key: ObjectKey, why: string, cause?: unknown): LockstepError {
  return new LockstepError("LOG_CORRUPT", `${key}: ${why}`, {
    hint: "Run `lockstep vault check`; another copy of the vault may still have the entry.",
    cause,
  });
}
