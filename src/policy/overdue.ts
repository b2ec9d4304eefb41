import { formatDuration } from "#policy/duration.ts";

/** How much of the interval a backup may be late before anyone is told. */
const grace = 0.25;

/**
 * Says in words that a machine's next point is overdue; null when it is not.
 *
 * @param lastPointAt  when the newest point was taken; null when there is none, which is overdue at once
 * @param everyHours   the interval at which points are expected, above 0; a quarter of it is allowed on top
 */
export function overdue(
  lastPointAt: Temporal.Instant | null,
  everyHours: number,
  now: Temporal.Instant,
): string | null {
  if (lastPointAt === null) return "no point was taken yet";
  const ageMs = now.epochMilliseconds - lastPointAt.epochMilliseconds;
  const everyMs = everyHours * 3_600_000;
  if (ageMs <= everyMs * (1 + grace)) return null;
  return `the newest point is ${formatDuration(ageMs)} old, one is expected every ${everyHours} h`;
}
