import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import type { Retry } from "#store/retry.ts";
import { ENTRY_LIMIT_BYTES, parseEntry, writeEntry } from "#vault/entry/entry-format.ts";
import type { EntryDraft, LoggedEntry } from "#vault/entry/entry.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import { logCorrupt } from "#vault/log/log-reader.ts";
import type { Head } from "#vault/log/log-reader.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { openObject, sealObject } from "#vault/object/sealed.ts";

/** What writes entries. */
export type LogWriter = {
  readonly store: Store;
  readonly keyring: LogKeyring;
  readonly now: () => Temporal.Instant;
  readonly random: Random;
  readonly retry: Retry;
  /** This host's name, as entries say it. */
  readonly host: string;
  /** This program's version, as entries say it. */
  readonly program: string;
};

/** An entry with its object, ready to be put. */
export type SealedEntry = LoggedEntry & { readonly key: ObjectKey; readonly bytes: Uint8Array };

/**
 * Seals the entry that follows `head`. Each call seals under a fresh random id, so no two of them give equal bytes: an
 * object that equals ours is ours.
 *
 * @param head  null: it is the log's first
 * @throws {TypeError} when the draft breaks the format
 */
export function sealEntry(writer: LogWriter, machine: MachineId, head: Head | null, draft: EntryDraft): SealedEntry {
  const { keys } = writer.keyring;
  const seq = (head?.seq ?? 0) + 1;
  const key = objectKeys.logEntry(machine, seq);
  const payload = writeEntry({
    seq,
    previous: head?.hash ?? null,
    at: writer.now().toString(),
    host: writer.host,
    program: writer.program,
    keyring: keys.keyring,
    ...draft,
  });
  const bytes = sealObject(keys, "entr", key, payload, writer.random);
  return { entry: parseEntry(payload, key), hash: hex(sha256(bytes)), key, bytes };
}

/** Puts the entry at its place in the log. @throws as `putDefinite` does */
export function putEntry(
  { store, retry }: LogWriter,
  { key, bytes }: SealedEntry,
  signal: AbortSignal,
): Promise<"mine" | "another's"> {
  return putDefinite(store, key, [bytes], {}, retry, signal);
}

/**
 * On stores of one disk, puts the entry's second copy. Only for an entry that is definitely in the log: readers take the
 * copy for the entry where that is lost.
 *
 * @throws {LockstepError} LOG_CORRUPT: the copy there is of another entry; OBJECT_CORRUPT: it is of none; and as
 *   `putDefinite` does
 */
export async function putEntryCopy(
  { store, retry, keyring }: LogWriter,
  { key, bytes }: Pick<SealedEntry, "key" | "bytes">,
  signal: AbortSignal,
): Promise<void> {
  if (!store.traits.singleDisk) return;
  const copy = objectKeys.copy(key);
  if ((await putDefinite(store, copy, [bytes], {}, retry, signal)) === "mine") return;
  const there = await store.get(copy, ENTRY_LIMIT_BYTES, signal);
  if (there !== null) openObject(keyring.keys, "entr", key, there);
  throw logCorrupt(key, `its second copy ${copy} is of another entry`);
}
