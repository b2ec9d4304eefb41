import type { auditRoutes } from "#api/audit.ts";
import { receiptText } from "#api/needs.ts";
import type { Receipt } from "#api/needs.ts";
import { fromBase64, fromHex, hex, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { checkAudit } from "#keys/audit-check.ts";
import type { Witness } from "#keys/audit-check.ts";
import { exportHeader, exportLines } from "#keys/audit-export.ts";
import { auditHead, loadAudit } from "#keys/audit.ts";
import { signedBytes } from "#keys/key-ring.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Answers } from "#server/handler.ts";
import { instantText } from "#server/instants.ts";

export const auditAnswers: Answers<keyof typeof auditRoutes> = {
  "audit.list": {
    subject: () => "audit",
    handle: ({ store: { db } }, _caller, { last, before = auditHead(db).seq + 1 }) => {
      const from = Math.max(1, before - last);
      const entries = before <= 1 ? [] : loadAudit(db, from, before - from);
      return {
        entries: entries.map(({ atMs, detail, hash, ...entry }) => ({
          ...entry,
          at: instantText(atMs),
          detail: JSON.parse(detail) as Record<string, string | number | boolean | null>,
          hash: hex(hash),
        })),
      };
    },
  },
  "audit.check": {
    subject: () => "audit",
    handle: async ({ store }, _caller, { receipts }, signal) => {
      const witnesses: Witness[] = [];
      const notOurs: string[] = [];
      for (const { receipt, by } of receipts) {
        const witness = witnessOf(store, receipt, by);
        if (witness === null) notOurs.push(by);
        else witnesses.push(witness);
      }
      const { entries, heads, faults } = await checkAudit(store, witnesses, signal);
      return { entries, heads, receipts: witnesses.length, notOurs, faults: [...faults] };
    },
  },
  "audit.export": {
    subject: () => "audit",
    handle: ({ store }, _caller, { from, limit }) => {
      const { lines, next } = exportLines(store, from, limit);
      return { header: exportHeader(store), lines: [...lines], next };
    },
  },
};

/** What a receipt witnesses; null for one of another store, or that this store did not sign. */
function witnessOf(store: KeyStore, receipt: Receipt, by: string): Witness | null {
  const { id, signingPublic } = store.facts();
  const { signature, ...body } = receipt;
  const [bytes, hash] = [fromBase64(signature), fromHex(receipt.auditHash)];
  if (receipt.store !== id || bytes === null || hash === null) return null;
  if (!isSignedBy(signingPublic, signedBytes("receipt", utf8(receiptText(body))), bytes)) return null;
  return { seq: receipt.auditSeq, hash, by };
}
