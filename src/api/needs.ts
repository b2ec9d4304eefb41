import * as z from "zod";

import { routes } from "#api/route.ts";
import { count, digest, id, instant, keyName, name, need, text } from "#api/values.ts";

/** An encrypted volume of a point, by the public identities of its header. */
const reportedVolume = z.strictObject({
  disk: name,
  volume: name,
  format: z.enum(["luks1", "luks2", "bitlocker"]),
  volumeIdentity: digest,
  headerDigest: digest,
  /** Fingerprints of all protectors that the header has. */
  protectors: z.array(digest).max(1024),
});

/** The most points that one machine may have. */
const POINTS_LIMIT = 100_000;

/** A point that a vault holds. */
const reportedPoint = z.strictObject({
  point: id,
  /** As the backup side names it to people: `web01@2026-11-23T14:05`. */
  name,
  capturedAt: instant,
  /** A forecast by keep rules; null: until somebody deletes it. */
  expectedUntil: instant.nullable(),
  volumes: z.array(reportedVolume).max(4096),
});
export type ReportedPoint = z.infer<typeof reportedPoint>;

/** What of the key side a vault keeps in its logs, so that a key store that was rolled back is noticed. */
export const receipt = z.strictObject({
  store: id,
  epoch: count,
  at: instant,
  /** The audit log's newest entry and its hash. */
  auditSeq: count,
  auditHash: digest,
  /** The newest copy of the key store; 0: there is none. */
  copy: count,
  /** Over all members before, as `receiptText` writes them; Ed25519, base64. */
  signature: z.base64(),
});
export type Receipt = z.infer<typeof receipt>;

/** The text of which a receipt's signature is one. @see docs/format/receipts.md */
export function receiptText({ store, epoch, at, auditSeq, auditHash, copy }: Omit<Receipt, "signature">): string {
  return JSON.stringify([store, epoch, at, auditSeq, auditHash, copy]);
}

const neededVersion = z.strictObject({
  /** `web01/v1`, also where its key alone was named. */
  version: keyName,
  /** Of points no more than 1,000, those that are expected to stay longest. */
  needs: z.array(need),
  /** Why it cannot be destroyed, in words; null when it can. */
  refusal: text.nullable(),
});
export type NeededVersion = z.infer<typeof neededVersion>;

/** Vaults, and what they say that they hold. */
export const needsRoutes = routes({
  "vault.enrol": {
    method: "PUT",
    path: "/v1/vaults/:vault",
    summary: "Makes a vault known, and who reports for it; takes back that it was retired",
    askers: ["custodian"],
    input: z.strictObject({ vault: id, name, rootCommitment: digest, reporter: name }),
    reply: z.strictObject({}),
  },
  "vault.retire": {
    method: "POST",
    path: "/v1/vaults/:vault/retire",
    summary: "Says that a vault is gone: it blocks nothing any more, and after a quarantine its points need nothing",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ vault: id }),
    reply: z.strictObject({
      name,
      /** Points that need their versions until the quarantine is over. */
      points: count,
      /** Days on which the key side runs that the quarantine has left. */
      daysLeft: count,
    }),
  },
  "vault.list": {
    method: "GET",
    path: "/v1/vaults",
    summary: "All vaults, and when they last reported",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({
      vaults: z.array(
        z.strictObject({
          vault: id,
          name,
          reporter: name,
          enrolledAt: instant,
          lastReportAt: instant.nullable(),
          retiredAt: instant.nullable(),
          /** Why its present content is unknown, so that nothing may be destroyed; null when all is well. */
          silent: text.nullable(),
          machines: count,
          /** That need their versions, those in quarantine too. */
          points: count,
        }),
      ),
    }),
  },
  "vault.needs": {
    method: "GET",
    path: "/v1/vaults/:vault/needs",
    summary: "What a vault alone keeps: the versions that nothing would need without it",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ vault: id }),
    reply: z.strictObject({
      name,
      /** That need their versions, those in quarantine too. */
      points: count,
      /** Days on which the key side runs for which these would need their versions after a retirement. */
      daysLeft: count,
      /** That something needs now, and nothing would need any more. */
      freed: z.array(
        z.strictObject({
          version: keyName,
          /** From the retirement on; else when the days are over. */
          atOnce: z.boolean(),
        }),
      ),
    }),
  },
  "point.report": {
    method: "PUT",
    path: "/v1/vaults/:vault/machines/:machine/points",
    summary: "All points that a vault holds of a machine; what is missing is quarantined",
    askers: ["backup"],
    input: z.strictObject({
      vault: id,
      machine: id,
      machineName: name,
      /** The newest receipt of each key store that the machine's log has: a key store that was put back is noticed by its own. */
      receipts: z.array(receipt).max(64).optional(),
      points: z.array(reportedPoint).max(POINTS_LIMIT, `a report has at most ${POINTS_LIMIT} points of a machine`),
    }),
    reply: z.strictObject({
      /** Null while the key store is sealed; the report was stored all the same. */
      receipt: receipt.nullable(),
      /** Points that the machine's reports no longer have, and that need their versions for now. */
      quarantined: count,
      warnings: z.array(text),
    }),
  },
  "version.needs": {
    method: "GET",
    path: "/v1/needs/:version",
    summary: "What needs a version, and whether it could be destroyed",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ version: keyName }),
    reply: neededVersion,
  },
  "hold.needs": {
    method: "GET",
    path: "/v1/holds/:hold/needs",
    summary: "What would need a version without a hold, and whether it could be destroyed",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ hold: id }),
    reply: neededVersion,
  },
  "point.needs": {
    method: "GET",
    path: "/v1/vaults/:vault/machines/:machine/needs",
    summary: "For each reported point and encrypted volume of a machine: the versions that are bound to it",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({ vault: id, machine: id }),
    reply: z.strictObject({
      points: z.array(
        z.strictObject({
          point: id,
          volumes: z.array(
            z.strictObject({
              disk: name,
              volume: name,
              /** Names of versions that can be used, the newest first. */
              versions: z.array(keyName),
            }),
          ),
        }),
      ),
    }),
  },
  "alarm.list": {
    method: "GET",
    path: "/v1/alarms",
    summary: "Machines of which many points fell at once, as long as nobody acknowledged it: docs/needs.md",
    askers: ["custodian", "auditor", "backup"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({
      alarms: z.array(
        z.strictObject({
          alarm: id,
          vault: id,
          vaultName: name,
          machine: id,
          machineName: name,
          raisedAt: instant,
          /** How many points were missing, of how many. */
          missing: count,
          points: count,
        }),
      ),
    }),
  },
  "alarm.acknowledge": {
    method: "POST",
    path: "/v1/alarms/:alarm/acknowledge",
    summary: "Says that a custodian knows; it changes nothing about what needs what",
    askers: ["custodian"],
    input: z.strictObject({ alarm: id }),
    reply: z.strictObject({}),
  },
});
