import type { ApprovalFacts, IdentityFacts, accessRoutes } from "#api/access.ts";
import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { decide, findApproval, loadApprovals } from "#keys/access/approvals.ts";
import type { Approval } from "#keys/access/approvals.ts";
import { addIdentity, identityNamed, loadIdentities, newToken, revokeIdentity } from "#keys/access/identities.ts";
import type { Identity } from "#keys/access/identities.ts";
import { loadPolicy, savePolicy } from "#keys/access/policy.ts";
import type { Caller } from "#keys/store/model.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, instantTextOrNull, msOf } from "#server/instants.ts";
import type { KeySide } from "#server/key-side.ts";

export const accessAnswers: Answers<keyof typeof accessRoutes> = {
  "identity.add": {
    subject: ({ name }) => name,
    audits: true,
    handle: ({ store }, caller, { name, role, expiresAt }) => {
      const expiresMs = expiresAt === null ? null : msOf(expiresAt);
      if (expiresMs !== null && expiresMs <= store.deps.now().epochMilliseconds) {
        throw new LockstepError("ARGUMENT_INVALID", `adding the identity ${name}: it would have expired already`);
      }
      const token = newToken(store.deps.random);
      const what = { act: "identity.add", subject: name, detail: { role, expiresAt } };
      act(store, caller, what, () => addIdentity(store, { name, role, token, expiresMs }));
      return { identity: identityFacts(identityNamed(store, name)), token };
    },
  },
  "identity.list": {
    subject: () => "identities",
    handle: ({ store }) => ({ identities: loadIdentities(store).map(identityFacts) }),
  },
  "identity.revoke": {
    subject: ({ name }) => name,
    before: ({ store }, { name }) => void identityNamed(store, name),
    audits: true,
    handle: ({ store }, caller, { name }) => {
      const identity = identityNamed(store, name);
      const what = { act: "identity.revoke", subject: name, detail: { role: identity.role } };
      act(store, caller, what, () => revokeIdentity(store, identity));
      return { identity: identityFacts(identityNamed(store, name)) };
    },
  },
  "approval.list": {
    subject: () => "approvals",
    handle: ({ store }) => ({ approvals: loadApprovals(store).map(approvalFacts) }),
  },
  "approval.show": {
    subject: ({ approval }) => approval,
    handle: ({ store }, _caller, { approval }) => ({ approval: approvalFacts(findApproval(store, approval)) }),
  },
  "approval.approve": {
    subject: ({ approval }) => approval,
    audits: true,
    handle: (side, caller, { approval }) => decided(side, caller, approval, "approved"),
  },
  "approval.reject": {
    subject: ({ approval }) => approval,
    audits: true,
    handle: (side, caller, { approval }) => decided(side, caller, approval, "rejected"),
  },
  "policy.show": {
    subject: () => "policy",
    handle: ({ store }) => ({ policy: loadPolicy(store) }),
  },
  "policy.set": {
    subject: () => "policy",
    audits: true,
    handle: ({ store }, caller, changes) => {
      const settings = given(changes);
      act(store, caller, { act: "policy.set", subject: "policy", detail: settings }, () => savePolicy(store, settings));
      return { policy: loadPolicy(store) };
    },
  },
};

function decided(
  { store }: KeySide,
  caller: Caller,
  start: string,
  decision: "approved" | "rejected",
): { approval: ApprovalFacts } {
  const approval = findApproval(store, start);
  const { id, act: name, subject, askedBy } = approval;
  const what = {
    act: decision === "approved" ? "approval.approve" : "approval.reject",
    subject: id,
    detail: { act: name, of: subject, askedBy },
  };
  act(store, caller, what, () => decide(store, approval, caller, decision));
  return { approval: approvalFacts(findApproval(store, id)) };
}

/** The members that are there. */
function given(changes: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function identityFacts({ id, name, role, createdMs, expiresMs, revokedMs }: Identity): IdentityFacts {
  return {
    id,
    name,
    role,
    createdAt: instantText(createdMs),
    expiresAt: instantTextOrNull(expiresMs),
    revokedAt: instantTextOrNull(revokedMs),
  };
}

function approvalFacts(approval: Approval): ApprovalFacts {
  const { id, act: name, subject, request, requestHash, askedBy, decidedBy, state } = approval;
  return {
    id,
    act: name,
    subject,
    request,
    requestHash: hex(requestHash),
    askedBy,
    askedAt: instantText(approval.askedMs),
    expiresAt: instantText(approval.expiresMs),
    decidedBy,
    decidedAt: instantTextOrNull(approval.decidedMs),
    state,
  };
}
