import { throwIfCancelled } from "#errors/cancelled.ts";
import { isLockstepError } from "#errors/errors.ts";

/** How often a call that may be repeated is tried, and how long to wait in between. */
export type Retry = {
  /** Tries in all, at least 1. */
  readonly attempts: number;
  /** The wait after try number `attempt` (from 1 on) failed. */
  readonly delayMs: (attempt: number) => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
};

/**
 * Runs `work` until it succeeds, as long as it fails with STORE_UNAVAILABLE and tries are left.
 *
 * @throws {LockstepError} what the last try threw; CANCELLED
 */
export async function retried<Result>(
  work: () => Promise<Result>,
  { attempts, delayMs, sleep }: Retry,
  signal: AbortSignal,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isLockstepError(error, "STORE_UNAVAILABLE") || attempt >= attempts) throw error;
    }
    await sleep(delayMs(attempt), signal);
    throwIfCancelled(signal);
  }
}
