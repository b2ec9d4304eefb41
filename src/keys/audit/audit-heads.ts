import { hex, utf8 } from "#bytes/text.ts";
import { auditHead } from "#keys/audit/audit.ts";
import type { AuditHead } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/** So many entries may come after the newest head that was signed, while the store is open. */
export const HEAD_EVERY = 50;

/** That the audit log had an entry with this hash at that time, by the store's own word. */
export type SignedHead = {
  readonly epoch: number;
  readonly seq: number;
  readonly atMs: number;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
};

/** What is signed, for the purpose "audit head"; docs/format/audit.md. */
export function headBytes(
  store: KeyStoreId,
  { epoch, atMs }: Pick<SignedHead, "epoch" | "atMs">,
  { seq, hash }: AuditHead,
): Uint8Array {
  return utf8(JSON.stringify([store, epoch, seq, hex(hash), atMs]));
}

/** Signs the newest entry, unless it is signed already. Nothing while the store is sealed, or the log is empty. */
export function signHead(store: KeyStore): void {
  if (!store.isSealed && unsigned(store) > 0) sign(store);
}

/** Signs the newest entry where many came after the last that was signed. Nothing while the store is sealed. */
export function signHeadWhenDue(store: KeyStore): void {
  if (!store.isSealed && unsigned(store) >= HEAD_EVERY) sign(store);
}

function unsigned({ db }: KeyStore): number {
  const row = prepared(
    db,
    "SELECT (SELECT coalesce(max(seq), 0) FROM audit) - (SELECT coalesce(max(seq), 0) FROM audit_heads) AS n",
  ).get();
  return Number(row?.["n"]);
}

function sign(store: KeyStore): void {
  const { db, deps, ring } = store;
  const { id, epoch } = store.facts();
  const head = auditHead(db);
  const atMs = deps.now().epochMilliseconds;
  const signature = ring.sign("audit head", headBytes(id, { epoch, atMs }, head));
  inTransaction(db, () =>
    db
      .prepare("INSERT INTO audit_heads (seq, epoch, at_ms, signature) VALUES (?, ?, ?, ?)")
      .run(head.seq, epoch, atMs, signature),
  );
}

/** Signed heads of entries from `from` to `to`, in their order. */
export function loadHeads({ db }: KeyStore, from: number, to: number): readonly SignedHead[] {
  return db
    .prepare("SELECT * FROM audit_heads WHERE seq >= ? AND seq <= ? ORDER BY seq")
    .all(from, to)
    .map((row) => ({
      epoch: Number(row["epoch"]),
      seq: Number(row["seq"]),
      atMs: Number(row["at_ms"]),
      signature: row["signature"] as Uint8Array,
    }));
}
