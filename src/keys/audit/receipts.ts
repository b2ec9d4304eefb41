import { hex } from "#bytes/text.ts";
import { auditHead } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/** Where the key store stands, for vaults to remember, so that one that was rolled back is noticed. */
export type KeyStoreStand = {
  readonly store: KeyStoreId;
  readonly epoch: number;
  readonly atMs: number;
  /** The audit log's newest entry and its hash (hex). */
  readonly auditSeq: number;
  readonly auditHash: string;
  /** The newest copy of the key store that was read back in a place; 0: there is none. */
  readonly copy: number;
};

/** Reads where the store stands now. */
export function keyStoreStand(store: KeyStore): KeyStoreStand {
  const { id, epoch } = store.facts();
  const { seq, hash } = auditHead(store.db);
  const copies = prepared(
    store.db,
    "SELECT max(number) AS copy FROM copies WHERE epoch = ? AND verified_ms IS NOT NULL AND deleted_ms IS NULL",
  ).get(epoch);
  return {
    store: id,
    epoch,
    atMs: store.deps.now().epochMilliseconds,
    auditSeq: seq,
    auditHash: hex(hash),
    copy: Number(copies?.["copy"] ?? 0),
  };
}
