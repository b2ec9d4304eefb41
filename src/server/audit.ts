import type { auditRoutes } from "#api/audit.ts";
import { hex } from "#bytes/text.ts";
import { checkAudit } from "#keys/audit/audit-check.ts";
import type { Witness } from "#keys/audit/audit-check.ts";
import { exportHeader, exportLines } from "#keys/audit/audit-export.ts";
import { auditHead, loadAudit } from "#keys/audit/audit.ts";
import { goOnAsPutBack } from "#keys/recovery/put-back.ts";
import type { Answers } from "#server/handler.ts";
import { instantText } from "#server/instants.ts";
import { verifiedReceipt } from "#server/receipt.ts";

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
          detail: detailOf(detail),
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
        const kept = verifiedReceipt(store, receipt);
        if (kept === null) notOurs.push(by);
        else witnesses.push({ seq: kept.auditSeq, hash: kept.auditHash, by });
      }
      const { entries, heads, faults } = await checkAudit(store, witnesses, signal);
      return { entries, heads, receipts: witnesses.length, notOurs, faults: [...faults] };
    },
  },
  "audit.accept": {
    subject: () => "store",
    audits: true,
    handle: async (side, caller, { reason }, signal) => ({ epoch: await goOnAsPutBack(side, caller, reason, signal) }),
  },
  "audit.export": {
    subject: () => "audit",
    handle: ({ store }, _caller, { from, limit }) => {
      const { lines, next } = exportLines(store, from, limit);
      return { header: exportHeader(store), lines: [...lines], next };
    },
  },
};

type Detail = Record<string, string | number | boolean | null>;

/** What is damaged is shown as it is: the other entries are to be read, and `audit.check` names it. */
function detailOf(detail: string): Detail {
  try {
    return JSON.parse(detail) as Detail;
  } catch (error) {
    if (error instanceof SyntaxError) return { unreadable: detail };
    throw error;
  }
}
