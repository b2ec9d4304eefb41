import type { OpenSession, Fold } from "#vault/fold/fold.ts";
import { seqOfSession } from "#vault/object/ids.ts";
import type { DiskId, PointId, SessionId } from "#vault/object/ids.ts";

/** The root of a block tree that must stay readable, and what for. */
export type LiveRoot = {
  readonly disk: DiskId;
  readonly root: string;
  readonly why: { readonly point: PointId } | { readonly session: SessionId; readonly part: "adopted" | "checkpoint" };
};

/**
 * Every block tree that must stay readable: of all points that are not purged, deleted ones too, and what the open backup
 * session has adopted and written. Its base is among the points, since a purge of it does not count. Disks of zeros have
 * no tree.
 */
export function* roots(fold: Fold): Generator<LiveRoot, undefined> {
  for (const [point, { disks }] of fold.points) {
    for (const { disk, root } of disks) if (root !== null) yield { disk, root, why: { point } };
  }
  const { backup } = fold;
  if (backup === null) return;
  for (const part of ["adopted", "checkpoint"] as const) {
    for (const { disk, root } of backup[part]?.disks ?? []) {
      if (root !== null) yield { disk, root, why: { session: backup.id, part } };
    }
  }
}

/**
 * True when nothing that the session wrote can become part of the vault any more: it is known at this prefix (its number
 * is not above `fold.seq`) and it is not open. Once true, it is true for every longer log: a number is given only once.
 *
 * A session whose number is known but whose random part is not the one in the log never existed here. Its objects come
 * from a copy of the store that was rolled back and written to again; no entry of this log can name them, so they are as
 * dead as a closed session's. The number alone must not decide: the open session may bear it, with another random part.
 * A number above `fold.seq` says only that this prefix is too short to know.
 */
export function isDeadSession(fold: Fold, session: SessionId): boolean {
  const opens = (open: OpenSession | null): boolean => open?.id === session;
  return seqOfSession(session) <= fold.seq && !opens(fold.backup) && !opens(fold.maintenance);
}
