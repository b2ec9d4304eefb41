import type { DatabaseSync } from "node:sqlite";

import { utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Caller } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/** What somebody did or was refused. */
export type AuditedAct = {
  /** The route's name, such as `key.reveal`. */
  readonly act: string;
  /** What it was done to, as people name it: `web01/v1`. */
  readonly subject: string;
  /** Further facts; never a secret. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>;
};

export type AuditOutcome = "done" | "refused" | "failed";

/** An entry of the audit log, as it is hashed. */
export type AuditEntry = {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly atMs: number;
  readonly who: string;
  readonly role: string;
  readonly act: string;
  readonly subject: string;
  readonly outcome: AuditOutcome;
  /** A JSON object. */
  readonly detail: string;
};

/** The newest entry's number and hash; number 0 and 32 zeros where there is none. */
export type AuditHead = { readonly seq: number; readonly hash: Uint8Array };

/** An entry as the database has it. */
export type StoredEntry = AuditEntry & { readonly hash: Uint8Array };

/** Adds one entry. To be called inside the transaction of what it speaks of. */
export function appendAudit(
  db: DatabaseSync,
  caller: Caller,
  { act, subject, detail = {} }: AuditedAct,
  outcome: AuditOutcome,
  now: Temporal.Instant,
): AuditHead {
  const head = auditHead(db);
  const entry: AuditEntry = {
    seq: head.seq + 1,
    atMs: now.epochMilliseconds,
    who: caller.name,
    role: caller.role,
    act,
    subject,
    outcome,
    detail: JSON.stringify(caller.approval === undefined ? detail : { ...detail, approval: caller.approval }),
  };
  const hash = auditHash(head.hash, entry);
  prepared(db, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)").run(
    entry.seq,
    entry.atMs,
    entry.who,
    entry.role,
    entry.act,
    entry.subject,
    entry.outcome,
    entry.detail,
    hash,
  );
  return { seq: entry.seq, hash };
}

/** Entries from `from` on, in their order; `limit` at most. */
export function loadAudit(db: DatabaseSync, from: number, limit: number): readonly StoredEntry[] {
  return db
    .prepare("SELECT * FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?")
    .all(from, limit)
    .map((row) => ({
      seq: Number(row["seq"]),
      atMs: Number(row["at_ms"]),
      who: String(row["who"]),
      role: String(row["role"]),
      act: String(row["act"]),
      subject: String(row["subject"]),
      outcome: String(row["outcome"]) as AuditOutcome,
      detail: String(row["detail"]),
      hash: row["hash"] as Uint8Array,
    }));
}

export function auditHead(db: DatabaseSync): AuditHead {
  const row = prepared(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").get();
  return row === undefined
    ? { seq: 0, hash: new Uint8Array(32) }
    : { seq: Number(row["seq"]), hash: row["hash"] as Uint8Array };
}

/** SHA-256 over the hash before and the entry; docs/format/audit.md. */
export function auditHash(previous: Uint8Array, entry: AuditEntry): Uint8Array {
  const { seq, atMs, who, role, act, subject, outcome, detail } = entry;
  return sha256(
    utf8("lockstep v1 audit\n"),
    previous,
    utf8(JSON.stringify([seq, atMs, who, role, act, subject, outcome, detail])),
  );
}
