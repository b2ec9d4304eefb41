import type { IdentityFacts } from "#api/access.ts";
import { dayOf } from "#cli/output/when.ts";

/** Whether an identity's token counts, in words. */
export function identityState({ expiresAt, revokedAt }: IdentityFacts, now: Temporal.Instant): string {
  if (revokedAt !== null) return `revoked ${dayOf(revokedAt)}`;
  if (expiresAt === null) return "";
  const hasExpired = Temporal.Instant.compare(Temporal.Instant.from(expiresAt), now) <= 0;
  return `${hasExpired ? "expired" : "expires"} ${dayOf(expiresAt)}`;
}

/** One identity, for a person. */
export function identityLines({ name, role, expiresAt }: IdentityFacts): readonly string[] {
  return [`${name} is ${role}${expiresAt === null ? "" : ` until ${dayOf(expiresAt)}`}.`];
}
