import type { VersionFacts } from "#api/values.ts";
import { dayOf } from "#cli/output/when.ts";

type State = Pick<
  VersionFacts,
  "enabled" | "activatesAt" | "expiresAt" | "retiredAt" | "compromisedAt" | "deletedAt" | "destroyedAt" | "damagedAt"
>;

/** What state a version is in, in words: the first says whether it can be used. */
export function versionState(version: State, now: Temporal.Instant): string {
  const { retiredAt, compromisedAt, expiresAt } = version;
  const also = [
    ...(retiredAt === null ? [] : [`retired ${dayOf(retiredAt)}`]),
    ...(compromisedAt === null ? [] : [`compromised ${dayOf(compromisedAt)}`]),
    ...(expiresAt === null ? [] : [`${isAfter(expiresAt, now) ? "expires" : "expired"} ${dayOf(expiresAt)}`]),
  ];
  return [usability(version, now), ...also].join(", ");
}

function usability({ destroyedAt, damagedAt, deletedAt, enabled, activatesAt }: State, now: Temporal.Instant): string {
  if (destroyedAt !== null) return `destroyed ${dayOf(destroyedAt)}`;
  if (damagedAt !== null) return `damaged ${dayOf(damagedAt)}`;
  if (deletedAt !== null) return `deleted ${dayOf(deletedAt)}`;
  if (!enabled) return "disabled";
  if (activatesAt !== null && isAfter(activatesAt, now)) return `not active until ${dayOf(activatesAt)}`;
  return "usable";
}

function isAfter(instant: string, now: Temporal.Instant): boolean {
  return Temporal.Instant.compare(Temporal.Instant.from(instant), now) > 0;
}

/** What kinds of values are called. */
export const kindWords: Readonly<Record<VersionFacts["kind"], string>> = {
  passphrase: "passphrase",
  "key-file": "key file",
  "recovery-password": "recovery password",
  "startup-key": "startup key",
};
