import { newestLive } from "#ops/points/newest-live.ts";
import { decideKeepWithTorn } from "#policy/keep-torn.ts";
import { parseKeep } from "#policy/keep.ts";
import { purgeDueAt } from "#policy/soft-delete.ts";
import type { EntryDraft } from "#vault/entry/entry.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import { clockDoubt } from "#vault/fold/stalled-session.ts";
import type { PointId, SessionId } from "#vault/object/ids.ts";

/** A point that the keep rule lets go, and why. */
export type RuleDeletion = { readonly point: PointId; readonly capturedAt: string; readonly reason: string };

/** A point whose deletion is old enough to be completed. */
export type DuePurge = {
  readonly point: PointId;
  readonly capturedAt: string;
  readonly deletedAt: string;
  /** The entry that deleted it. */
  readonly deletion: number;
};

/**
 * Live points that the machine's keep rule does not keep, oldest first. The newest live point is never among them, by
 * date or by its place in the log; and none is while dates are in doubt.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the machine's keep rule is none
 */
export function ruleDeletions(fold: Fold, now: Temporal.Instant): readonly RuleDeletion[] {
  const { keep, timeZone } = fold.machine;
  if (keep === "" || clockDoubt(fold, now) !== null) return [];
  const live = [...fold.points.values()].filter(({ deleted }) => deleted === null);
  const newest = newestLive(fold);
  const points = live.map((state) => ({
    id: state.point,
    at: Temporal.Instant.from(state.capturedAt),
    torn: state.consistency === "torn",
    state,
  }));
  return decideKeepWithTorn(points, parseKeep(keep), timeZone)
    .filter(({ point, keep: isKept }) => !isKept && point.id !== newest?.point)
    .map(({ point }) => ({
      point: point.id,
      capturedAt: point.state.capturedAt,
      reason: `not kept by the rule ${keep}`,
    }))
    .reverse();
}

export function ruleEntry({ point, reason }: RuleDeletion): EntryDraft {
  return { type: "deleted", point, by: "rule", reason };
}

/** Deletions that are old enough to be completed; none while dates are in doubt, nor of the open backup's base. */
export function duePurges(fold: Fold, now: Temporal.Instant): readonly DuePurge[] {
  if (clockDoubt(fold, now) !== null) return [];
  const isDue = ({ point, deleted }: PointState): boolean =>
    deleted !== null &&
    point !== fold.backup?.base &&
    Temporal.Instant.compare(purgeDueAt(Temporal.Instant.from(deleted.at)), now) <= 0;
  return [...fold.points.values()]
    .filter(isDue)
    .sort((a, b) => a.seq - b.seq)
    .map(({ point, capturedAt, deleted }) => ({
      point,
      capturedAt,
      deletedAt: deleted?.at ?? "",
      deletion: deleted?.seq ?? 0,
    }));
}

export function purgeEntry({ point, deletion }: DuePurge, session: SessionId): EntryDraft {
  return { type: "purged", point, deletion, session };
}
