import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import type { Entry, EntryDraft } from "#vault/entry/entry.ts";
import { applyEntry, firstFold } from "#vault/fold/fold-entry.ts";
import type { Folded } from "#vault/fold/fold-entry.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { keyringRolledBack } from "#vault/keyring/log-keyring.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import { entryHashes, lastListed, logCorrupt, readLog } from "#vault/log/log-reader.ts";
import type { Head, LogSource, ReadEntry } from "#vault/log/log-reader.ts";
import { putEntry, putEntryCopy, sealEntry } from "#vault/log/log-writer.ts";
import type { LogWriter } from "#vault/log/log-writer.ts";
import { putSummary, readNewestSummary, summaryIsDue } from "#vault/log/summary.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

export type LogDeps = LogWriter & {
  readonly machine: MachineId;
  /** The newest entry that this host, or its user, knows of; null when it knows none. */
  readonly expect: Head | null;
};

/** An entry that is in the log for certain. */
export type Appended = {
  readonly entry: Entry;
  /** The fold up to and with it. */
  readonly fold: Fold;
  /** What of it does not count, in words; empty for what was composed by the rules. */
  readonly ignored: readonly string[];
};

/** A machine's log, read up to some entry. Calls may overlap: they run one after the other. */
export interface Log {
  readonly machine: MachineId;
  /** As far as it was read. */
  readonly fold: Fold;
  /** Damage that was got round, in words, and why nothing may be written. */
  readonly warnings: readonly string[];
  /** Entries that were read and do not count, in words: traces of sessions that came too late. */
  readonly ignored: readonly string[];

  /**
   * Reads on, up to the first entry that is not there.
   *
   * @throws {LockstepError} LOG_CORRUPT, VAULT_NEWER, KEYRING_ROLLED_BACK: see `readLog`; what was read before stays; and
   *   what opening the keyring again throws, once an entry names a newer one
   */
  read(signal: AbortSignal): Promise<Fold>;

  /**
   * Appends one entry. When another writer was faster, what came is read and the entry is composed anew, from nothing:
   * what `compose` thought of an older fold must not leak into a later call.
   *
   * @param compose  gives the entry that should follow the fold; null to give up
   * @returns        the entry, definitely in the log; null when `compose` gave up
   * @throws {LockstepError} KEYRING_ROLLED_BACK: nothing may be written; STORE_UNAVAILABLE, CANCELLED: whether the entry
   *   is in the log, or will be, is not known; STORE_DENIED, STORE_FULL: it is not; and what `read` throws
   */
  append(compose: (fold: Fold) => EntryDraft | null, signal: AbortSignal): Promise<Appended | null>;
}

/**
 * Opens a machine's log and reads it: the newest summary, then every entry after it.
 *
 * With `expect`, the log must have that entry. Whether the entries between it and the summary form one chain is for
 * `verifyLog` to say.
 *
 * @throws {LockstepError} NAME_UNKNOWN: it has no entry; LOG_ROLLED_BACK: it is not the log that was expected; and what
 *   `Log.read` throws
 */
export async function openLog(deps: LogDeps, signal: AbortSignal): Promise<Log> {
  const log = new MachineLog(deps);
  await log.start(deps.expect, signal);
  return log;
}

class MachineLog implements Log {
  readonly machine: MachineId;
  readonly #writer: LogWriter;
  readonly #warnings: string[] = [];
  readonly #ignored: string[] = [];
  #keyring: LogKeyring;
  #fold: Fold | null = null;
  /** The entry that the newest good summary ends with. */
  #summarySeq = 0;
  /** The last entry, if its second copy may be missing: its writer may have died between the two. */
  #uncopied: { readonly key: ObjectKey; readonly bytes: Uint8Array } | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: LogDeps) {
    this.machine = deps.machine;
    this.#writer = deps;
    this.#keyring = deps.keyring;
  }

  get fold(): Fold {
    if (this.#fold !== null) return this.#fold;
    throw new LockstepError("NAME_UNKNOWN", `Machine ${this.machine} has no log in ${this.#writer.store.name}.`);
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  get ignored(): readonly string[] {
    return this.#ignored;
  }

  async start(expect: Head | null, signal: AbortSignal): Promise<void> {
    await this.#withNewestKeys(async () => {
      const summary = await readNewestSummary(this.#source, this.#warn, signal);
      this.#fold = summary.fold;
      this.#summarySeq = summary.fold?.seq ?? 0;
      const listed = await lastListed(this.#source, this.#summarySeq, signal);
      await this.#readOn(Math.max(listed, summary.known), signal);
    }, signal);
    await this.#refuseOther(expect, signal);
    await this.#warnOfKeyring(signal);
  }

  read(signal: AbortSignal): Promise<Fold> {
    return this.#exclusive(async () => {
      await this.#readNew(signal);
      await this.#warnOfKeyring(signal);
      return this.fold;
    });
  }

  append(compose: (fold: Fold) => EntryDraft | null, signal: AbortSignal): Promise<Appended | null> {
    return this.#exclusive(async () => {
      for (;;) {
        const before = this.fold;
        const fault = await this.#keyringFault(before.keyring, signal);
        if (fault !== null) throw keyringRolledBack(fault);
        const draft = compose(before);
        if (draft === null) return null;
        await this.#copyLast(signal);
        const sealed = sealEntry({ ...this.#writer, keyring: this.#keyring }, this.machine, before, draft);
        if ((await putEntry(this.#writer, sealed, signal)) === "mine") {
          const { fold, ignored } = this.#take(sealed, applyEntry(before, sealed));
          await this.#copyLast(signal);
          await this.#summarize(fold, signal);
          return { entry: sealed.entry, fold, ignored };
        }
        await this.#readNew(signal);
        if (this.fold === before) throw logCorrupt(sealed.key, "it is there, and cannot be read");
      }
    });
  }

  get #source(): LogSource {
    return { store: this.#writer.store, keys: this.#keyring.keys, machine: this.machine };
  }

  #warn = (warning: string): void => {
    if (!this.#warnings.includes(warning)) this.#warnings.push(warning);
  };

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // whoever called gets the error; the next call goes on
    return result;
  }

  async #readNew(signal: AbortSignal): Promise<void> {
    await this.#withNewestKeys(() => this.#readOn(this.fold.seq, signal), signal);
  }

  async #readOn(known: number, signal: AbortSignal): Promise<void> {
    for await (const entry of readLog(this.#source, this.#fold, known, this.#warn, signal)) {
      const folded = this.#fold === null ? { fold: firstFold(entry), ignored: [] } : applyEntry(this.#fold, entry);
      // Whoever reads by a fold finds objects that the keys of its time sealed: the keys come first.
      const known = this.#fold?.keyring.generation ?? 0;
      if (folded.fold.keyring.generation > known) await this.#keyringFault(folded.fold.keyring, signal);
      this.#take(entry, folded);
    }
  }

  #take(entry: Pick<ReadEntry, "bytes">, folded: Folded): Folded {
    this.#fold = folded.fold;
    this.#uncopied = { key: objectKeys.logEntry(this.machine, folded.fold.seq), bytes: entry.bytes };
    this.#ignored.push(...folded.ignored);
    return folded;
  }

  /** Does `work` once more with the keys of the newest keyring if it met an object sealed with newer ones than ours. */
  async #withNewestKeys(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isLockstepError(error, "KEYRING_ROLLED_BACK")) throw error;
      const { generation } = this.#keyring.keys.keyring;
      this.#keyring = await this.#keyring.reopen(signal);
      if (this.#keyring.keys.keyring.generation <= generation) throw error;
      await work();
    }
  }

  /**
   * Why nothing may be written to a log that names this keyring; null when all is well. Opens the keyring again first: it
   * may only have been changed.
   */
  async #keyringFault(named: KeyringRef, signal: AbortSignal): Promise<string | null> {
    if (this.#keyring.faultOf(named) === null) return null;
    this.#keyring = await this.#keyring.reopen(signal);
    return this.#keyring.faultOf(named);
  }

  async #warnOfKeyring(signal: AbortSignal): Promise<void> {
    const fault = await this.#keyringFault(this.fold.keyring, signal);
    if (fault !== null) this.#warn(`the vault may only be read: ${fault}`);
  }

  /** Why this is not the log that was expected, in words; null when it is. */
  async #otherThan(expect: Head, signal: AbortSignal): Promise<string | null> {
    const found = this.#fold?.seq ?? 0;
    if (found < expect.seq) {
      const end = found === 0 ? "has no entry" : `ends with entry ${found}`;
      return `it ${end}, and entry ${expect.seq} was expected`;
    }
    const hashes = await entryHashes(this.#source, expect.seq, signal);
    return hashes.includes(expect.hash) ? null : `its entry ${expect.seq} is not the one that was expected`;
  }

  async #refuseOther(expect: Head | null, signal: AbortSignal): Promise<void> {
    if (expect === null) return void this.fold;
    const why = await this.#otherThan(expect, signal);
    if (why === null) return;
    throw new LockstepError("LOG_ROLLED_BACK", `Opening the log of machine ${this.machine}: ${why}.`, {
      hint: "Find out which copy of the vault is the right one before you back up or prune. To take this one: lockstep machine show NAME --expect any",
    });
  }

  /** Completes the last entry's second copy. The entry is in the log with or without it. */
  async #copyLast(signal: AbortSignal): Promise<void> {
    const { store } = this.#writer;
    if (this.#uncopied === null || !store.traits.singleDisk) return;
    const { key } = this.#uncopied;
    try {
      await putEntryCopy(this.#writer, this.#uncopied, signal);
      this.#uncopied = null;
    } catch (error) {
      if (!isLockstepError(error) || isLockstepError(error, "LOG_CORRUPT")) throw error;
      this.#warn(`${key} has no second copy yet: ${messageOf(error)}`);
    }
  }

  async #summarize(fold: Fold, signal: AbortSignal): Promise<void> {
    if (!summaryIsDue(fold, this.#summarySeq)) return;
    try {
      await putSummary(this.#source, fold, this.#writer.random, signal);
      this.#summarySeq = fold.seq;
    } catch (error) {
      if (!isLockstepError(error)) throw error;
      this.#warn(`no summary was written after entry ${fold.seq}: ${messageOf(error)}`);
    }
  }
}
