import * as z from "zod";

import { routes } from "#api/route.ts";
import { count, digest, id, instant, text } from "#api/values.ts";

/** As it is shown and audited: `custodian@host1`. */
const identityName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9@._-]{0,127}$/);

const role = z.enum(["custodian", "auditor", "backup", "machine"]);

const identityFacts = z.strictObject({
  id,
  name: identityName,
  role,
  createdAt: instant,
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
});
export type IdentityFacts = z.infer<typeof identityFacts>;

/** An approval's id, or the start of it. */
const approvalId = z.string().regex(/^[0-9a-f]{4,32}$/);

const approvalFacts = z.strictObject({
  id,
  act: text,
  subject: text,
  /** All that it was asked with, as JSON with sorted members; no secret. */
  request: z.string(),
  /** SHA-256 of act, subject and request: docs/key-side.md. */
  requestHash: digest,
  askedBy: text,
  askedAt: instant,
  expiresAt: instant,
  decidedBy: text.nullable(),
  decidedAt: instant.nullable(),
  state: z.enum(["waiting", "approved", "rejected", "done", "expired"]),
});
export type ApprovalFacts = z.infer<typeof approvalFacts>;

/** The key side's settings; docs/key-side.md. */
const policy = z.strictObject({
  proofIntervalDays: count,
  proofSecondsPerDay: count,
  proofFailuresPerDay: count,
  backupRowsPerDay: count,
});
export type PolicyFacts = z.infer<typeof policy>;

/** Who may ask, and second persons. */
export const accessRoutes = routes({
  "identity.add": {
    method: "POST",
    path: "/v1/identities",
    summary: "Adds an identity; its token is in the answer, and nowhere else",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ name: identityName, role, expiresAt: instant.nullable() }),
    reply: z.strictObject({ identity: identityFacts, token: z.string() }),
  },
  "identity.list": {
    method: "GET",
    path: "/v1/identities",
    summary: "All identities, also revoked ones",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({ identities: z.array(identityFacts) }),
  },
  "identity.revoke": {
    method: "DELETE",
    path: "/v1/identities/:name",
    summary: "Revokes an identity, for good",
    askers: ["custodian"],
    secondPerson: true,
    input: z.strictObject({ name: identityName }),
    reply: z.strictObject({ identity: identityFacts }),
  },
  "approval.list": {
    method: "GET",
    path: "/v1/approvals",
    summary: "Acts that wait for a second person, or waited",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({ approvals: z.array(approvalFacts) }),
  },
  "approval.show": {
    method: "GET",
    path: "/v1/approvals/:approval",
    summary: "One of them, with all that it was asked with",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({ approval: approvalId }),
    reply: z.strictObject({ approval: approvalFacts }),
  },
  "approval.approve": {
    method: "POST",
    path: "/v1/approvals/:approval/approve",
    summary: "Lets whoever asked do that very act, once",
    askers: ["custodian"],
    input: z.strictObject({ approval: approvalId }),
    reply: z.strictObject({ approval: approvalFacts }),
  },
  "approval.reject": {
    method: "POST",
    path: "/v1/approvals/:approval/reject",
    summary: "Refuses it, or takes it back",
    askers: ["custodian"],
    input: z.strictObject({ approval: approvalId }),
    reply: z.strictObject({ approval: approvalFacts }),
  },
  "policy.show": {
    method: "GET",
    path: "/v1/policy",
    summary: "The key side's settings",
    askers: ["custodian", "auditor"],
    unaudited: true,
    input: z.strictObject({}),
    reply: z.strictObject({ policy }),
  },
  "policy.set": {
    method: "PATCH",
    path: "/v1/policy",
    summary: "Changes settings",
    askers: ["custodian"],
    secondPerson: true,
    input: policy.partial(),
    reply: z.strictObject({ policy }),
  },
});
