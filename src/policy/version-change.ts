import { LockstepError } from "#errors/errors.ts";

/** What decides whether a version may be used, as far as people set it. Instants are milliseconds since 1970. */
type Usable = {
  readonly enabled: boolean;
  readonly activatesMs: number | null;
  readonly expiresMs: number | null;
};

/** What of it may change; what is not there stays. */
type UsableChange = { readonly [Part in keyof Usable]?: Usable[Part] | undefined };

/**
 * What a change does that would leave a version unusable, in words; null where it does not. An expiry in the past counts, since
 * readers of the list would take it for such.
 */
export function lossBy(before: Usable, change: UsableChange, nowMs: number): string | null {
  if (change.enabled === false && before.enabled) return "disabling";
  const { activatesMs, expiresMs } = change;
  if (typeof activatesMs === "number" && activatesMs > nowMs && activatesMs !== before.activatesMs) {
    return "putting off the activation of";
  }
  if (typeof expiresMs === "number" && expiresMs <= nowMs && expiresMs !== before.expiresMs) {
    return "back-dating the expiry of";
  }
  return null;
}

/** @throws {LockstepError} ARGUMENT_INVALID */
export function refuseOrder(activatesMs: number | null, expiresMs: number | null): void {
  if (activatesMs === null || expiresMs === null || activatesMs < expiresMs) return;
  throw new LockstepError("ARGUMENT_INVALID", "a version would expire before it becomes active");
}
