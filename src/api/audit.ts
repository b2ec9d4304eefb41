import * as z from "zod";

import { receipt } from "#api/needs.ts";
import { routes } from "#api/route.ts";
import { count, digest, instant, reason, text } from "#api/values.ts";

/** A number in a query, where all is text. */
const queried = (most: number) => z.coerce.number<number>().int().min(1).max(most);

const auditEntry = z.strictObject({
  seq: count,
  at: instant,
  who: text,
  role: text,
  act: text,
  subject: text,
  outcome: z.enum(["done", "refused", "failed"]),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  hash: digest,
});

/** The log of what was done and refused. */
export const auditRoutes = routes({
  "audit.list": {
    method: "GET",
    path: "/v1/audit",
    summary: "The newest entries, in their order",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({
      /** How many. */
      last: queried(1_000),
      /** Only entries before this one; all where it is left out. */
      before: queried(Number.MAX_SAFE_INTEGER).optional(),
    }),
    reply: z.strictObject({ entries: z.array(auditEntry) }),
  },
  "audit.check": {
    method: "POST",
    path: "/v1/audit/check",
    summary: "Whether the log is whole: its chain, its signed heads, and receipts that vaults keep",
    askers: ["custodian", "auditor"],
    input: z.strictObject({
      receipts: z.array(z.strictObject({ receipt, by: text })).max(100_000),
    }),
    reply: z.strictObject({
      entries: count,
      heads: count,
      receipts: count,
      /** Receipts of other key stores, or that this one never signed. */
      notOurs: z.array(text),
      faults: z.array(z.strictObject({ seq: count, what: text })),
    }),
  },
  "audit.accept": {
    method: "POST",
    path: "/v1/audit/accept",
    summary: "Goes on, as a new epoch, with a key store that receipts show to have been put back",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ reason }),
    reply: z.strictObject({ epoch: count }),
  },
  "audit.export": {
    method: "GET",
    path: "/v1/audit/export",
    summary: "Entries as lines of JSON that can be verified without Lockstep: docs/format/audit.md",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ from: queried(Number.MAX_SAFE_INTEGER), limit: queried(10_000) }),
    reply: z.strictObject({
      /** The first line, where this starts with entry 1. */
      header: z.string(),
      lines: z.array(z.string()),
      /** What to go on from; null at the end. */
      next: count.nullable(),
    }),
  },
});
