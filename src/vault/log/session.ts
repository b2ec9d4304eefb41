import { hex } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { CheckpointDisk, EntryDraft, Lane } from "#vault/entry/entry.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import type { Appended, Log } from "#vault/log/log.ts";
import type { PointId, SessionId } from "#vault/object/ids.ts";

/** A session that this process opened. */
export type Session = {
  readonly id: SessionId;
  readonly lane: Lane;
  /** The entry that opened it. */
  readonly seq: number;
  readonly base: PointState | null;
  /** What was taken over from the session that it closed; empty when nothing was. */
  readonly adopted: readonly CheckpointDisk[];
  /** False once another session, or a "closed" entry, has ended it. */
  readonly isOpen: (fold: Fold) => boolean;
};

/** What a session starts from. */
export type Start = {
  /** A point that is not purged; null in the maintenance lane, and for a full backup. */
  readonly base: PointId | null;
  /** Whether to take over the latest checkpoint of the session that this one closes, where there is one. */
  readonly adopt: boolean;
};

/**
 * Opens a session in a lane, and closes the one that is open there. Nothing may be written under its id before this
 * resolves.
 *
 * @param options.choose  decides from the fold, again for each try; null to give up, such as when the open one is alive
 * @returns               null when `choose` gave up
 * @throws {LockstepError} POINT_GONE: the base that was chosen is purged or never was; and what `Log.append` throws
 */
export async function openSession(
  log: Log,
  lane: Lane,
  { choose, random }: { readonly choose: (fold: Fold) => Start | null; readonly random: Random },
  signal: AbortSignal,
): Promise<Session | null> {
  const compose = (fold: Fold): EntryDraft | null => {
    const start = choose(fold);
    if (start === null) return null;
    if (start.base !== null && !fold.points.has(start.base)) {
      throw new LockstepError("POINT_GONE", `Opening a ${lane} session: its base ${start.base} is gone.`);
    }
    return openedEntry(fold, lane, start, random);
  };
  const appended = await log.append(compose, signal);
  const open = appended?.fold[lane];
  if (appended === null || !open) return null;
  const base = open.base === null ? null : (appended.fold.points.get(open.base) ?? null);
  return {
    id: open.id,
    lane,
    seq: open.seq,
    base,
    adopted: open.adopted?.disks ?? [],
    isOpen: (fold) => fold[lane]?.id === open.id,
  };
}

/**
 * Appends an entry of a session.
 *
 * @param compose  as for `Log.append`; called only while the session is open
 * @throws {LockstepError} SESSION_FENCED: the session is over; and what `Log.append` throws
 */
export function appendInSession(
  log: Log,
  session: Session,
  compose: (fold: Fold) => EntryDraft | null,
  signal: AbortSignal,
): Promise<Appended | null> {
  return log.append((fold) => {
    if (session.isOpen(fold)) return compose(fold);
    const open = fold[session.lane];
    const by = open === null ? "it was closed" : `session ${open.id} of host ${open.host} took its place`;
    throw new LockstepError("SESSION_FENCED", `The ${session.lane} session ${session.id} is over: ${by}.`, {
      hint: "Run the command again. A backup goes on from its last checkpoint, unless the other one took that over.",
    });
  }, signal);
}

/** Ends a session of one's own; nothing happens when it is over. @throws {LockstepError} what `Log.append` throws */
export async function closeSession(log: Log, session: Session, signal: AbortSignal): Promise<void> {
  await closeStalled(log, session.lane, session.id, signal);
}

/** How long it may take to end a session when its work was stopped. */
const CLOSING_MS = 10_000;

/**
 * Does the work of a session of one's own and ends the session, also when the work fails or is stopped: what waits for it need not wait
 * until it is taken for dead. Where it cannot be ended then either, what failed first is thrown.
 *
 * @throws {LockstepError} what `work` and `Log.append` throw
 */
export async function withinSession<Done>(
  log: Log,
  session: Session,
  work: () => Promise<Done>,
  signal: AbortSignal,
): Promise<Done> {
  let done: Done;
  try {
    done = await work();
  } catch (error) {
    const ending = signal.aborted ? AbortSignal.timeout(CLOSING_MS) : signal;
    try {
      await closeSession(log, session, ending);
    } catch (another) {
      if (!isLockstepError(another) && !ending.aborted) throw another;
    }
    throw error;
  }
  await closeSession(log, session, signal);
  return done;
}

/**
 * Ends a session whoever opened it, such as one whose host died, without opening another.
 *
 * @returns  false when it was over already
 * @throws {LockstepError} what `Log.append` throws
 */
export async function closeStalled(log: Log, lane: Lane, session: SessionId, signal: AbortSignal): Promise<boolean> {
  const compose = (fold: Fold): EntryDraft | null => (fold[lane]?.id === session ? { type: "closed", session } : null);
  return (await log.append(compose, signal)) !== null;
}

function openedEntry(fold: Fold, lane: Lane, { base, adopt }: Start, random: Random): EntryDraft {
  const open = fold[lane];
  const checkpoint = open?.checkpoint ?? open?.adopted ?? null;
  const adopts = adopt && open && checkpoint ? { session: open.id, checkpointSeq: checkpoint.seq } : null;
  return { type: "opened", lane, nonce: hex(random(8)), base, adopts, closes: open?.id ?? null };
}
