import { base64, hex } from "#bytes/text.ts";
import { loadHeads } from "#keys/audit/audit-heads.ts";
import { loadAudit } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";

/** What an exported audit log starts with: whose it is, and what its heads are signed with. */
export function exportHeader(store: KeyStore): string {
  const { id, signingPublic } = store.facts();
  return JSON.stringify({ format: "lockstep audit 1", store: id, signingKey: base64(signingPublic) });
}

/**
 * Lines of an exported audit log: JSON, an entry each, and after an entry the head that was signed of it, where there is one.
 * docs/format/audit.md says how they are verified without Lockstep.
 *
 * @returns  `next` is the entry to go on from; null at the log's end
 */
export function exportLines(
  store: KeyStore,
  from: number,
  limit: number,
): { readonly lines: readonly string[]; readonly next: number | null } {
  const entries = loadAudit(store.db, from, limit);
  const last = entries.at(-1);
  if (last === undefined) return { lines: [], next: null };
  const heads = new Map(loadHeads(store, from, last.seq).map((head) => [head.seq, head]));
  const lines = entries.flatMap(({ hash, ...entry }) => {
    const head = heads.get(entry.seq);
    const line = JSON.stringify({ ...entry, hash: hex(hash) });
    return head === undefined ? [line] : [line, JSON.stringify(headLine(head))];
  });
  return { lines, next: entries.length < limit ? null : last.seq + 1 };
}

function headLine({ seq, epoch, atMs, signature }: ReturnType<typeof loadHeads>[number]): object {
  return { head: seq, epoch, atMs, signature: base64(signature) };
}
