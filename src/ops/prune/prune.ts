import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { duePurges, purgeEntry, ruleDeletions, ruleEntry } from "#ops/prune/prune-decisions.ts";
import type { DuePurge, RuleDeletion } from "#ops/prune/prune-decisions.ts";
import { RewriteCandidates } from "#ops/prune/rewrite-plan.ts";
import type { ObjectKey } from "#store/contract.ts";
import { Remover } from "#vault/collection/remover.ts";
import type { Removed } from "#vault/collection/remover.ts";
import { replaceSegments } from "#vault/collection/replace-segments.ts";
import type { LeftAlone } from "#vault/collection/replace-segments.ts";
import { sweep } from "#vault/collection/sweep.ts";
import { forgettable } from "#vault/collection/swept-segments.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { clockDoubt, stalledSession } from "#vault/fold/stalled-session.ts";
import { appendPlanned } from "#vault/log/append-planned.ts";
import type { Log } from "#vault/log/log.ts";
import { appendInSession, openSession, withinSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";
import { listSummaries, surplusSummaries } from "#vault/log/summary.ts";
import type { DiskId, SessionId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { markLive } from "#vault/tree/mark.ts";
import type { Liveness } from "#vault/tree/mark.ts";
import type { Vault } from "#vault/vault.ts";

export type PruneOptions = {
  /** Say what would be done, and write and delete nothing. */
  readonly dryRun: boolean;
  /** Close an open backup session however young it is: a person knows that it is dead. */
  readonly closeStalled: boolean;
  readonly progress: (step: PruneStep) => void;
};

/** How far a prune has come: segments of nodes that were read, objects that were looked at, segments that were rewritten. */
export type PruneStep = {
  readonly phase: "mark" | "sweep" | "rewrite";
  readonly done: number;
  /** Null where it is not known beforehand. */
  readonly of: number | null;
};

export type PruneResult = {
  /** Points that the keep rule let go; they can be undeleted until they are purged. */
  readonly deleted: readonly RuleDeletion[];
  /** Points whose time to be undeleted was over. */
  readonly purged: readonly DuePurge[];
  /** The stalled backup session that was closed; null when there was none. */
  readonly closed: SessionId | null;
  /** Dead objects that were removed. */
  readonly swept: Removed;
  /** Mostly dead segments that got a new generation, and the bytes that they take less. */
  readonly rewritten: { readonly segments: number; readonly freedBytes: number };
  /** Old summaries that were removed. */
  readonly summaries: number;
  /** Bytes of dead objects that the store did not let go. */
  readonly leftBytes: number;
  /** Mostly dead segments that could not be rewritten. */
  readonly leftAlone: readonly LeftAlone[];
  /** Disks with a tree that cannot be read: nothing of them was removed. */
  readonly unreadable: readonly { readonly disk: DiskId; readonly why: string }[];
  /** Objects that no Lockstep writes; they were left alone. */
  readonly unknown: readonly ObjectKey[];
  /** In words; also what waits for a person. */
  readonly warnings: readonly string[];
};

/** The most segments in one entry. */
const SWEPT_ITEMS = 4096;

/** What the log says after the first half of a prune, or would say. */
type Decided = Pick<PruneResult, "deleted" | "purged" | "closed">;

/**
 * Frees what a machine's points no longer need: deletes points by the keep rule, purges those that were deleted long ago,
 * removes everything that is dead, and rewrites segments that mostly are.
 *
 * Deleting comes last and is decided by the log: an object goes only once no later entry can name it. So another prune, a
 * backup or a restore at the same time loses nothing, and a crash leaves only what the next prune takes along.
 *
 * While dates are in doubt, no point is deleted or purged, and the result says so; dead objects go all the same.
 *
 * @throws {LockstepError} SESSION_FENCED: another prune or re-keying began meanwhile; and what the store throws
 */
export async function prune(vault: Vault, log: Log, options: PruneOptions, signal: AbortSignal): Promise<PruneResult> {
  await log.read(signal);
  if (options.dryRun) return foresee(vault, log, options, signal);
  const remover = new Remover(vault.store);
  const session = await begin(vault, log, remover, options, signal);
  return withinSession(log, session, () => freeInSession({ vault, log, session, remover }, options, signal), signal);
}

type Work = { readonly vault: Vault; readonly log: Log; readonly session: Session; readonly remover: Remover };

async function freeInSession(
  { vault, log, session, remover }: Work,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<PruneResult> {
  const closed = await closeStalledBackup(vault, log, session, options, signal);
  const deleted = await deleteByRule(vault, log, session, signal);
  const purged = await purge(vault, log, session, signal);
  const live = await mark(vault, log, (fold) => fold, options, signal);
  const { candidates, unknown } = await collect(vault, log, live, remover, options, signal);
  await forget(log, session, live, signal);
  const swept = remover.removed;
  const { rewrites, leftAlone } = await candidates.plan(vault, log.machine, signal);
  let done = 0;
  const rewritten = await replaceSegments(
    { vault, log, session, remover },
    rewrites,
    () => options.progress({ phase: "rewrite", done: ++done, of: rewrites.length }),
    signal,
  );
  const freedBytes = remover.removed.bytes - swept.bytes - rewritten.writtenBytes;
  const summaries = await removeSummaries(vault, log, remover, signal);
  return {
    ...resultOf({ deleted, purged, closed }, live, unknown, remover, clockDoubt(log.fold, vault.now())),
    swept,
    rewritten: { segments: rewritten.segments, freedBytes },
    summaries,
    leftAlone: [...leftAlone, ...rewritten.leftAlone],
  };
}

/**
 * Opens the session. Where the store has not even room for that, what is dead goes before: that needs no session, since
 * it is dead by the log as it is.
 */
async function begin(
  vault: Vault,
  log: Log,
  remover: Remover,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<Session> {
  const choose = () => ({ base: null, adopt: false });
  const open = () => openSession(log, "maintenance", { random: vault.random, choose }, signal);
  let session: Session | null;
  try {
    session = await open();
  } catch (error) {
    if (!isLockstepError(error, "STORE_FULL")) throw error;
    await collect(vault, log, await mark(vault, log, (fold) => fold, options, signal), remover, options, signal);
    session = await open();
  }
  if (session !== null) return session;
  throw new LockstepError("SESSION_FENCED", "The prune was not begun.");
}

/** What `prune` would do now. */
async function foresee(vault: Vault, log: Log, options: PruneOptions, signal: AbortSignal): Promise<PruneResult> {
  const now = vault.now();
  const decide = (fold: Fold): Decided => ({
    deleted: ruleDeletions(fold, now),
    purged: duePurges(closes(fold, now, options) === null ? fold : { ...fold, backup: null }, now),
    closed: closes(fold, now, options),
  });
  const view = (fold: Fold): Fold => {
    const { purged, closed } = decide(fold);
    const points = fold.points.withAll(purged.map(({ point }) => [point, undefined]));
    return { ...fold, points, maintenance: null, backup: closed === null ? fold.backup : null };
  };
  const remover = new Remover(null);
  const live = await mark(vault, log, view, options, signal);
  const { candidates, unknown } = await collect(vault, log, live, remover, options, signal);
  const { rewrites, leftAlone } = await candidates.plan(vault, log.machine, signal);
  return {
    ...resultOf(decide(log.fold), live, unknown, remover, clockDoubt(log.fold, now)),
    swept: remover.removed,
    rewritten: { segments: rewrites.length, freedBytes: rewrites.reduce((sum, { freedBytes }) => sum + freedBytes, 0) },
    summaries: surplusSummaries(await listSummaries(vault.store, log.machine, signal)).length,
    leftAlone,
  };
}

/** Marks what lives. */
function mark(
  { store, keyring }: Vault,
  log: Log,
  view: (fold: Fold) => Fold,
  { progress }: PruneOptions,
  signal: AbortSignal,
): Promise<Liveness> {
  let segments = 0;
  const onSegment = (): void => progress({ phase: "mark", done: ++segments, of: null });
  const source = { store, keys: keyring.keys, machine: log.machine, log };
  return markLive(source, view, { both: false, onSegment }, signal);
}

/**
 * Logs which segments nothing reaches any more, so that their damage and generations are not kept for ever. After the sweep, which
 * may have had to make room for it.
 */
async function forget(log: Log, session: Session, live: Liveness, signal: AbortSignal): Promise<void> {
  for (const [disk, items] of forgettable(live)) {
    for (let from = 0; from < items.length; from += SWEPT_ITEMS) {
      const part = items.slice(from, from + SWEPT_ITEMS);
      const draft = { type: "swept", compatible: true, session: session.id, disk, items: part } as const;
      await appendInSession(log, session, () => draft, signal);
    }
  }
}

/** Removes what does not live. */
async function collect(
  { store }: Vault,
  log: Log,
  live: Liveness,
  remover: Remover,
  { progress }: PruneOptions,
  signal: AbortSignal,
): Promise<{ candidates: RewriteCandidates; unknown: readonly ObjectKey[] }> {
  const candidates = new RewriteCandidates(live);
  let objects = 0;
  const unknown = await sweep(
    { store, machine: log.machine, remover },
    live,
    {
      onKept: (kept) => candidates.note(kept),
      progress: () => progress({ phase: "sweep", done: ++objects, of: null }),
    },
    signal,
  );
  return { candidates, unknown };
}

/** The backup session that this prune closes; null when there is none. */
function closes(fold: Fold, now: Temporal.Instant, { closeStalled }: PruneOptions): SessionId | null {
  return (closeStalled ? fold.backup : stalledSession(fold, "backup", now))?.id ?? null;
}

async function closeStalledBackup(
  vault: Vault,
  log: Log,
  session: Session,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<SessionId | null> {
  const stalled = closes(log.fold, vault.now(), options);
  if (stalled === null) return null;
  const appended = await appendInSession(
    log,
    session,
    (fold) => (closes(fold, vault.now(), options) === stalled ? { type: "closed", session: stalled } : null),
    signal,
  );
  return appended === null ? null : stalled;
}

async function deleteByRule(
  vault: Vault,
  log: Log,
  session: Session,
  signal: AbortSignal,
): Promise<readonly RuleDeletion[]> {
  const plan = (fold: Fold) => ruleDeletions(fold, vault.now()).map(ruleEntry);
  const deleted: RuleDeletion[] = [];
  for (const { entry, fold, ignored } of await appendPlanned(log, session, plan, signal)) {
    if (entry.type !== "deleted" || ignored.length > 0) continue;
    const { point, reason } = entry;
    deleted.push({ point, capturedAt: fold.points.get(point)?.capturedAt ?? "", reason });
  }
  return deleted;
}

async function purge(vault: Vault, log: Log, session: Session, signal: AbortSignal): Promise<readonly DuePurge[]> {
  const due = new Map<number, DuePurge>();
  const plan = (fold: Fold) =>
    duePurges(fold, vault.now()).map((each) => {
      due.set(each.deletion, each);
      return purgeEntry(each, session.id);
    });
  const appended = await appendPlanned(log, session, plan, signal);
  return appended.flatMap(({ entry, ignored }) =>
    entry.type === "purged" && ignored.length === 0 ? (due.get(entry.deletion) ?? []) : [],
  );
}

async function removeSummaries({ store }: Vault, log: Log, remover: Remover, signal: AbortSignal): Promise<number> {
  const before = remover.removed.objects;
  for (const seq of surplusSummaries(await listSummaries(store, log.machine, signal))) {
    await remover.remove(objectKeys.summary(log.machine, seq), 0, signal);
  }
  return remover.removed.objects - before;
}

function resultOf(
  decided: Decided,
  live: Liveness,
  unknown: readonly ObjectKey[],
  remover: Remover,
  doubt: string | null,
): Omit<PruneResult, "swept" | "rewritten" | "summaries" | "leftAlone"> {
  const unreadable = [...live.disks].flatMap(([disk, marks]) => {
    const [first] = marks.unreadable;
    return first === undefined ? [] : [{ disk, why: first.why }];
  });
  const warnings = unreadable.map(
    ({ disk, why }) => `disk ${disk}: a block tree cannot be read, so nothing of the disk was removed: ${why}`,
  );
  if (doubt !== null) {
    warnings.push(
      `CLOCK_DOUBTFUL: ${doubt}. No point was deleted by rule or purged. Correct the clock of this host; if it is right, confirm it.`,
    );
  }
  if (remover.denied !== null) {
    warnings.push(
      `${remover.denied.message} What is dead stays for now: prune with credentials that may delete, or once the store lets it go.`,
    );
  }
  if (unknown.length > 0)
    warnings.push(`${unknown.length} objects were left alone, whose names mean nothing to Lockstep`);
  return { ...decided, unreadable, unknown, leftBytes: remover.leftBytes, warnings };
}
