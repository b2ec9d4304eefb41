import { judgeClock } from "#policy/clock.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";

/** Why nothing may be removed by date now, in words; null when this host's clock and the log's dates can be believed. */
export function clockDoubt(fold: Fold, now: Temporal.Instant): string | null {
  const { trustedAt, doubtfulSinceSeq } = fold.clock;
  const judgement = judgeClock({ trustedAt: Temporal.Instant.from(trustedAt), now });
  if (judgement !== "ok") return judgement.doubtful;
  if (doubtfulSinceSeq === null) return null;
  return `the dates in the log are in doubt since entry ${doubtfulSinceSeq}, and no person has confirmed the clock`;
}

/**
 * Logs that a person looked at the clock and found it right: dates that were in doubt count from then on.
 *
 * @throws {LockstepError} what `Log.append` throws
 */
export async function confirmClock(log: Log, now: Temporal.Instant, signal: AbortSignal): Promise<void> {
  await log.append(() => ({ type: "clock", confirmedAt: now.toString() }), signal);
}
