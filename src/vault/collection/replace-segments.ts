import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { Remover } from "#vault/collection/remover.ts";
import { rewriteSegment } from "#vault/collection/rewrite-segment.ts";
import type { RewriteDeps, RewritePlan, Rewritten } from "#vault/collection/rewrite-segment.ts";
import type { Replacement } from "#vault/entry/entry.ts";
import { isDeadSession } from "#vault/fold/fold-liveness.ts";
import { hasSlot } from "#vault/fold/fold-slots.ts";
import { currentGeneration, segmentKey } from "#vault/fold/fold.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { appendInSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";
import { sessionOfGeneration } from "#vault/object/ids.ts";
import type { DiskId, GenerationId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { SegmentRef } from "#vault/segments/segment-reader.ts";
import { keyOfSegment } from "#vault/segments/segment.ts";
import type { SlotBits } from "#vault/tree/live-slots.ts";
import type { Vault } from "#vault/vault.ts";

const BATCH_ITEMS = 64;
const BATCH_BYTES = 1024 * 1024 * 1024;

/** A segment that gets a new generation. */
export type SegmentToReplace = {
  readonly ref: SegmentRef;
  /** The slots that the new generation gets. */
  readonly live: SlotBits;
  /** Of its object now, and of the second copy. */
  readonly sizeBytes: number;
  readonly copyBytes: number;
};

/** A segment that was left as it is. */
export type LeftAlone = { readonly ref: SegmentRef; readonly why: string };

export type ReplacedSegments = {
  readonly segments: number;
  /** Bytes of the new generations, second copies too. */
  readonly writtenBytes: number;
  readonly leftAlone: readonly LeftAlone[];
};

export type ReplaceDeps = {
  readonly vault: Vault;
  readonly log: Log;
  readonly session: Session;
  readonly remover: Remover;
};

type Written = {
  readonly item: SegmentToReplace;
  readonly replacement: Replacement;
  readonly storedBytes: number;
};

/**
 * Gives segments new generations, sealed with the newest data key, in batches: written, then logged, and only then the
 * old ones go. When it ends early, what was logged counts; what was only written is dead once the session is closed.
 *
 * It goes on while the store lets objects go, and stops when it refuses: then each new generation would only take room.
 *
 * @param items  in the order of their disks; of segments whose sessions are closed
 * @throws {LockstepError} SESSION_FENCED, and what the store throws
 */
export async function replaceSegments(
  deps: ReplaceDeps,
  items: Iterable<SegmentToReplace> | AsyncIterable<SegmentToReplace>,
  progress: (item: SegmentToReplace) => void,
  signal: AbortSignal,
): Promise<ReplacedSegments> {
  const leftAlone: LeftAlone[] = [];
  let batch: Written[] = [];
  let segments = 0;
  let writtenBytes = 0;
  const flush = async (): Promise<void> => {
    segments += await logBatch(deps, batch, signal);
    batch = [];
  };
  for await (const item of items) {
    if (deps.remover.denied !== null) break;
    const batchBytes = batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    const isOtherDisk = batch[0] !== undefined && batch[0].item.ref.disk !== item.ref.disk;
    if (batch.length >= BATCH_ITEMS || batchBytes >= BATCH_BYTES || isOtherDisk) await flush();
    const rewritten = await rewriteCurrent(deps, item, signal);
    progress(item);
    if ("leftAlone" in rewritten) {
      leftAlone.push({ ref: item.ref, why: rewritten.leftAlone });
      continue;
    }
    const copies = item.ref.kind === "nodes" && deps.vault.store.traits.singleDisk ? 2 : 1;
    writtenBytes += copies * rewritten.storedBytes;
    batch.push({ item, ...rewritten });
  }
  await flush();
  return { segments, writtenBytes, leftAlone };
}

/** Rewrites the generation that is current; where it is gone meanwhile, the one that took its place. */
async function rewriteCurrent(
  { vault, log, session }: ReplaceDeps,
  { ref, live }: SegmentToReplace,
  signal: AbortSignal,
): Promise<Rewritten> {
  const { store, retry, random } = vault;
  const { keys } = vault.keyring;
  for (;;) {
    const from = currentOf(log.fold, ref);
    const damaged = log.fold.damaged.get(segmentKey(ref.disk, ref.kind, ref.segment)) ?? [];
    const rewritten = await rewriteOrLeave(
      { store, keys, retry, random, machine: log.machine, session: session.id },
      {
        ref,
        from,
        slotCount: live.highest + 1,
        keep: (slot) => live.has(slot),
        isDamaged: (slot) => hasSlot(damaged, slot),
        remedy: () => Promise.resolve(null),
      },
      signal,
    );
    if (!("leftAlone" in rewritten)) return rewritten;
    if (currentOf(await log.read(signal), ref) === from) return rewritten;
  }
}

/** Leaves a segment alone that the store does not read, or has no room for: the others may still be rewritten. */
async function rewriteOrLeave(deps: RewriteDeps, plan: RewritePlan, signal: AbortSignal): Promise<Rewritten> {
  try {
    return await rewriteSegment(deps, plan, signal);
  } catch (error) {
    if (isLockstepError(error, "STORE_UNAVAILABLE", "STORE_FULL")) return { leftAlone: messageOf(error) };
    throw error;
  }
}

/** Logs a batch, then removes what it replaced. @returns how many of its replacements count */
async function logBatch(deps: ReplaceDeps, batch: readonly Written[], signal: AbortSignal): Promise<number> {
  const disk = batch[0]?.item.ref.disk;
  if (disk === undefined) return 0;
  const fold = await logReplacements(deps, disk, batch, signal);
  if (fold === null) return 0;
  let counted = 0;
  for (const { item, replacement } of batch) {
    if (currentOf(fold, item.ref) !== replacement.to) continue;
    counted++;
    await removeGeneration(deps, fold, item, replacement.from, signal);
  }
  return counted;
}

async function logReplacements(
  { log, session }: ReplaceDeps,
  disk: DiskId,
  batch: readonly Written[],
  signal: AbortSignal,
): Promise<Fold | null> {
  const appended = await appendInSession(
    log,
    session,
    (fold) => {
      const items = batch
        .filter(({ item, replacement }) => currentOf(fold, item.ref) === replacement.from)
        .map(({ replacement }) => replacement);
      return items.length === 0 ? null : { type: "replaced", session: session.id, disk, items };
    },
    signal,
  );
  return appended?.fold ?? null;
}

/** A generation that a backup is healing with right now belongs to its session, and goes with a later sweep. */
async function removeGeneration(
  { log, remover }: ReplaceDeps,
  fold: Fold,
  { ref, sizeBytes, copyBytes }: SegmentToReplace,
  generation: GenerationId,
  signal: AbortSignal,
): Promise<void> {
  if (!isDeadSession(fold, sessionOfGeneration(ref.segment, generation))) return;
  const key = keyOfSegment({ machine: log.machine, ...ref, generation });
  await remover.remove(key, sizeBytes, signal);
  if (copyBytes > 0) await remover.remove(objectKeys.copy(key), copyBytes, signal);
}

function currentOf(fold: Fold, { disk, kind, segment }: SegmentRef): GenerationId {
  return currentGeneration(fold, disk, kind, segment);
}
