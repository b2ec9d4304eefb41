import { LockstepError } from "#errors/errors.ts";

/** @throws {LockstepError} CANCELLED once `signal` is aborted */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new LockstepError("CANCELLED", "Cancelled.", { cause: signal.reason });
}
