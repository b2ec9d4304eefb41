import { newestLive } from "#ops/newest-live.ts";
import { formatDuration } from "#policy/duration.ts";
import { overdue } from "#policy/overdue.ts";
import type { Fold, PointState } from "#vault/fold.ts";

/** Something about a machine that a person should look at. */
export type Need = {
  readonly kind: "overdue" | "torn" | "unreadable" | "date-doubtful" | "damaged" | "stalled";
  readonly words: string;
};

export type MachineHealth = {
  /** The live point that was logged last; null when there is none. */
  readonly lastPoint: PointState | null;
  /** Points that are not deleted. */
  readonly points: number;
  readonly needs: readonly Need[];
};

/**
 * What a machine's log says about its points: is the newest one young, whole and dated, and is nothing damaged? Reads no
 * block: what the log does not know of is for a check to find.
 *
 * A machine that is protected no longer needs nobody, but for damage of what it has.
 *
 * @param stalledAfterMs  without a sign for so long, an open backup session is taken for dead
 */
export function machineHealth(
  fold: Fold,
  { now, stalledAfterMs }: { readonly now: Temporal.Instant; readonly stalledAfterMs: number },
): MachineHealth {
  const lastPoint = newestLive(fold);
  const needs: Need[] = [];
  const need = (kind: Need["kind"], words: string | null): void => {
    if (words !== null) needs.push({ kind, words });
  };
  if (fold.machine.protected) {
    const lastAt = lastPoint === null ? null : Temporal.Instant.from(lastPoint.capturedAt);
    need("overdue", overdue(lastAt, fold.machine.everyHours, now));
    need(
      "torn",
      lastPoint?.consistency === "torn" ? "the newest point is torn: its disks may have been written to" : null,
    );
    const unread = lastPoint?.unreadableBytes ?? 0;
    need("unreadable", unread > 0 ? `${unread} bytes of the newest point could not be read from the disk` : null);
    need("stalled", stalled(fold, now, stalledAfterMs));
    need("date-doubtful", doubt(fold, lastPoint));
  }
  const { size } = fold.damaged;
  need("damaged", size > 0 ? `${size} ${size === 1 ? "segment has" : "segments have"} damaged parts` : null);
  const points = [...fold.points].filter(([, { deleted }]) => deleted === null).length;
  return { lastPoint, points, needs };
}

function stalled({ backup }: Fold, now: Temporal.Instant, afterMs: number): string | null {
  if (backup === null) return null;
  const sign = Temporal.Instant.from(backup.checkpoint?.at ?? backup.openedAt);
  const silentMs = now.epochMilliseconds - sign.epochMilliseconds;
  if (silentMs < afterMs) return null;
  return `a backup that ${backup.host} began has given no sign for ${formatDuration(silentMs)}; the next one goes on from there`;
}

function doubt({ clock }: Fold, lastPoint: PointState | null): string | null {
  if (lastPoint?.dateDoubtful !== true && clock.doubtfulSinceSeq === null) return null;
  const since = clock.doubtfulSinceSeq === null ? "" : ` since entry ${clock.doubtfulSinceSeq} of its log`;
  return `dates are in doubt${since}, so nothing is removed by date until a person has confirmed the clock`;
}
