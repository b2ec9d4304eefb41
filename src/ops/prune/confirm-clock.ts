import type { Log } from "#vault/log/log.ts";

/**
 * Logs that a person looked at the clock and found it right: dates that were in doubt count from then on.
 *
 * @throws {LockstepError} what `Log.append` throws
 */
export async function confirmClock(log: Log, now: Temporal.Instant, signal: AbortSignal): Promise<void> {
  await log.append(() => ({ type: "clock", confirmedAt: now.toString() }), signal);
}
