import type { ApprovalFacts } from "#api/access.ts";

/** One approval with all that is being asked for, for whoever decides. */
export function approvalLines(approval: ApprovalFacts): readonly string[] {
  const { id, act, subject, request, requestHash, askedBy, askedAt, expiresAt, decidedBy, decidedAt, state } = approval;
  return [
    `approval    ${id}`,
    `act         ${act} ${subject}`,
    `asked with  ${request}`,
    `SHA-256     ${requestHash}`,
    `asked by    ${askedBy}, ${askedAt}`,
    ...(decidedBy === null ? [] : [`decided by  ${decidedBy}, ${decidedAt}`]),
    `state       ${state}${state === "waiting" || state === "approved" ? `, until ${expiresAt}` : ""}`,
  ];
}
