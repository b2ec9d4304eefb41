import { judgeClock } from "#policy/clock.ts";
import type { Lane } from "#vault/entry/entry.ts";
import type { Fold, OpenSession } from "#vault/fold/fold.ts";

/** A session that has shown no sign of life for so many days is taken for dead. */
export const STALLED_DAYS = 7;

/** Why nothing may be done by date now, in words; null when this host's clock and the log's dates can be believed. */
export function clockDoubt(fold: Fold, now: Temporal.Instant): string | null {
  const { trustedAt, doubtfulSinceSeq } = fold.clock;
  const judgement = judgeClock({ trustedAt: Temporal.Instant.from(trustedAt), now });
  if (judgement !== "ok") return judgement.doubtful;
  if (doubtfulSinceSeq === null) return null;
  return `the dates in the log are in doubt since entry ${doubtfulSinceSeq}, and no person has confirmed the clock`;
}

/**
 * The open session of a lane when, by clocks that can be believed, nothing was heard of it for a week; else null. What is heard of a
 * backup are its opening and its checkpoints; of maintenance, its opening alone.
 */
export function stalledSession(fold: Fold, lane: Lane, now: Temporal.Instant): OpenSession | null {
  const open = fold[lane];
  if (open === null || open.dateDoubtful || clockDoubt(fold, now) !== null) return null;
  const lastSign = Temporal.Instant.from(open.checkpoint?.at ?? open.openedAt);
  return now.since(lastSign).total("hours") > 24 * STALLED_DAYS ? open : null;
}
