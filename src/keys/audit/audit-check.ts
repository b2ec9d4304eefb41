import { setImmediate } from "node:timers/promises";

import { equalBytes } from "#bytes/arrays.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { headBytes, loadHeads } from "#keys/audit/audit-heads.ts";
import { auditHash, auditHead, loadAudit } from "#keys/audit/audit.ts";
import type { StoredEntry } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { signedBytes } from "#keys/store/key-ring.ts";

/** That an entry had a hash, by something that was kept apart from the log or signed. */
export type Witness = {
  readonly seq: number;
  readonly hash: Uint8Array;
  /** Who says so: `a receipt in the log of web01`. */
  readonly by: string;
};

/** What is wrong with an audit log. */
export type AuditFault = {
  /** The entry at which it shows. */
  readonly seq: number;
  readonly what: string;
};

/**
 * Follows the chain of an audit log, entry by entry.
 *
 * The chain alone shows what was changed by somebody who left the rest as it was. That the whole of it was written anew, or that its
 * tail was cut, only witnesses show.
 */
export class AuditChain {
  #previous: Uint8Array = new Uint8Array(32);
  #seq = 0;
  readonly #faults: AuditFault[] = [];

  /** Takes the next entry, of those that are there. */
  add(entry: StoredEntry): void {
    const { seq, hash } = entry;
    const [first, last] = [this.#seq + 1, seq - 1];
    if (first === last) this.#fault(seq, `entry ${first} is missing`);
    else if (first < last) this.#fault(seq, `entries ${first} to ${last} are missing`);
    else if (!equalBytes(auditHash(this.#previous, entry), hash)) {
      this.#fault(seq, "it was changed, or does not follow the one before");
    }
    this.#previous = hash;
    this.#seq = seq;
  }

  /** Takes what somebody says of the entry that came last. */
  witness(by: string, agrees: boolean): void {
    if (!agrees) this.#fault(this.#seq, `it is another one than ${by} says`);
  }

  /** Takes what somebody says of an entry that did not come: it is after the log's end. */
  missing(seq: number, by: string): void {
    this.#fault(seq, `it is missing, and was there, as ${by} says: the end of the log was cut`);
  }

  get faults(): readonly AuditFault[] {
    return this.#faults;
  }

  #fault(seq: number, what: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ seq, what });
  }
}

/** A log that was written anew has a fault at each entry; a few say as much. */
const FAULTS_MAX = 100;

/** Entries between two looks at whether others wait. */
const BATCH = 2_000;

/**
 * Checks the whole audit log: its chain, the heads that the store signed, and what others witness. Entries that come meanwhile are
 * left out.
 *
 * @param witnesses  their signatures were verified
 * @returns  no faults where all is well; the first 100 otherwise
 * @throws {LockstepError} CANCELLED
 */
export async function checkAudit(
  store: KeyStore,
  witnesses: readonly Witness[],
  signal: AbortSignal,
): Promise<{ readonly entries: number; readonly heads: number; readonly faults: readonly AuditFault[] }> {
  const { id, signingPublic } = store.facts();
  const end = auditHead(store.db).seq;
  const heads = loadHeads(store, 1, Number.MAX_SAFE_INTEGER);
  const headAt = new Map(heads.map((head) => [head.seq, head]));
  const witnessesAt = Map.groupBy(witnesses, ({ seq }) => seq);
  const chain = new AuditChain();
  let entries = 0;
  for (let next = 1; next <= end;) {
    const batch = loadAudit(store.db, next, BATCH).filter(({ seq }) => seq <= end);
    for (const entry of batch) {
      chain.add(entry);
      const head = headAt.get(entry.seq);
      if (head !== undefined) {
        const bytes = signedBytes("audit head", headBytes(id, head, entry));
        chain.witness("the signed head", isSignedBy(signingPublic, bytes, head.signature));
      }
      for (const { by, hash } of witnessesAt.get(entry.seq) ?? []) chain.witness(by, equalBytes(hash, entry.hash));
    }
    entries += batch.length;
    next = (batch.at(-1)?.seq ?? end) + 1;
    throwIfCancelled(signal);
    await setImmediate();
  }
  for (const { seq } of heads) if (seq > end) chain.missing(seq, "a signed head");
  for (const { seq, by } of witnesses) if (seq > end) chain.missing(seq, by);
  return { entries, heads: heads.length, faults: chain.faults };
}
