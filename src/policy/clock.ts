import { formatDuration } from "#policy/duration.ts";

/** How far a clock may be behind the newest believed time: hosts that share a vault differ by seconds, not by hours. */
const clockMayBeBehindMs = 3_600_000;

/**
 * How far a clock may be ahead of the newest believed time.
 *
 * A deleted point stays for 14 days before it can be purged. A leap that goes unnoticed must be much shorter than that,
 * so that no clock can eat the time in which a person would notice a deletion and take it back. But a machine that is backed
 * up once a week must not be doubted each time it is late.
 */
export const clockMayBeAheadMs = 10 * 24 * 3_600_000;

/** What a clock's reading is worth; `doubtful` says why it may be wrong, in words. */
export type ClockJudgement = "ok" | { readonly doubtful: string };

/**
 * Judges whether a clock can be believed, by the newest time in the machine's log that was itself believed.
 *
 * A doubtful date is no error: a backup goes on and marks it. What removes points by date must wait for a person. A
 * machine that wrote nothing for longer than that is doubted as well, since nobody can tell that from a leap.
 *
 * @param trustedAt  null when the log holds no believed time yet: then there is nothing to judge by, and it is "ok"
 */
export function judgeClock({
  trustedAt,
  now,
}: {
  trustedAt: Temporal.Instant | null;
  now: Temporal.Instant;
}): ClockJudgement {
  if (trustedAt === null) return "ok";
  const aheadMs = now.epochMilliseconds - trustedAt.epochMilliseconds;
  if (aheadMs < -clockMayBeBehindMs) {
    return { doubtful: `the clock is ${formatDuration(-aheadMs)} behind the log's newest entry` };
  }
  if (aheadMs > clockMayBeAheadMs) {
    return { doubtful: `the clock is ${formatDuration(aheadMs)} ahead of the log's newest entry` };
  }
  return "ok";
}
