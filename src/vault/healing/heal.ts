import { equalBytes } from "#bytes/arrays.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import { rewriteSegment } from "#vault/collection/rewrite-segment.ts";
import type { Replacement } from "#vault/entry/entry.ts";
import { hasSlot } from "#vault/fold/fold-slots.ts";
import { currentGeneration, segmentKey } from "#vault/fold/fold.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { DamagedBlocks } from "#vault/healing/damaged-blocks.ts";
import type { Log } from "#vault/log/log.ts";
import { appendInSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";
import type { DiskId, GenerationId } from "#vault/object/ids.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import type { SegmentRef } from "#vault/segments/segment-reader.ts";
import type { Vault } from "#vault/vault.ts";

/** What healing came to. */
export type Healing = {
  readonly healedSlots: number;
  readonly storedBytes: number;
  readonly warnings: readonly string[];
};

/**
 * Heals segments of a disk with blocks that the disk still has as they were: each gets a new generation, which repairs
 * every point that reaches it, old ones too.
 *
 * @param readBlock  reads a block of the disk again; it is used only if its fingerprint is still the one looked for
 */
export async function healDisk(
  deps: { vault: Vault; log: Log; session: Session },
  disk: DiskId,
  blocks: DamagedBlocks,
  readBlock: (block: number) => Promise<Uint8Array>,
  signal: AbortSignal,
): Promise<Healing> {
  const fingerprint = fingerprinter(fingerprintKey(deps.vault.keyring.keys, disk));
  const warnings: string[] = [];
  let healedSlots = 0;
  let storedBytes = 0;
  for (const [segment, remedies] of blocks.found) {
    const contentOf = async (slot: number): Promise<Uint8Array | null> => {
      const remedy = remedies.get(slot);
      if (remedy === undefined) return null;
      const content = await readBlock(remedy.block);
      return equalBytes(fingerprint.of(content), remedy.fingerprint) ? content : null;
    };
    const healed = await healSegment(deps, { disk, kind: "data", segment }, [...remedies.keys()], contentOf, signal);
    healedSlots += healed.healedSlots;
    storedBytes += healed.storedBytes;
    warnings.push(...healed.warnings);
  }
  return { healedSlots, storedBytes, warnings };
}

/**
 * Heals one segment: with what its object holds, and where that cannot be read, with what `contentOf` gives. When another writer
 * replaces its generation meanwhile, it is done again with the new one: whoever asks needs these slots.
 *
 * @param slots      the log calls them damaged
 * @param contentOf  null: what of the segment cannot be read may come back, so then it is left alone
 */
export async function healSegment(
  deps: { vault: Vault; log: Log; session: Session },
  ref: SegmentRef,
  slots: readonly number[],
  contentOf: ((slot: number) => Promise<Uint8Array | null>) | null,
  signal: AbortSignal,
): Promise<Healing> {
  const { log, session } = deps;
  const { store, retry, random, keyring } = deps.vault;
  for (;;) {
    const damaged = log.fold.damaged.get(segmentKey(ref.disk, ref.kind, ref.segment)) ?? [];
    if (!slots.some((slot) => hasSlot(damaged, slot))) return nothingHealed;
    const from = currentOf(log.fold, ref);
    const rewritten = await rewriteSegment(
      { store, keys: keyring.keys, retry, random, machine: log.machine, session: session.id },
      {
        ref,
        from,
        slotCount: Math.max(...damaged.map(([first, count]) => first + count)),
        keep: "present",
        isDamaged: (slot) => hasSlot(damaged, slot),
        remedy: contentOf,
      },
      signal,
    );
    if ("leftAlone" in rewritten) {
      if (currentOf(await log.read(signal), ref) !== from) continue;
      const warning = `segment ${ref.segment} was not healed: ${rewritten.leftAlone}`;
      return { ...nothingHealed, warnings: [warning] };
    }
    const { replacement, storedBytes } = rewritten;
    if (replacement.heals.length === 0) return nothingHealed;
    if (!(await logReplacement(deps, ref.disk, replacement, signal))) continue;
    return { healedSlots: replacement.heals.length, storedBytes, warnings: [] };
  }
}

const nothingHealed: Healing = { healedSlots: 0, storedBytes: 0, warnings: [] };

function currentOf(fold: Fold, { disk, kind, segment }: SegmentRef): GenerationId {
  return currentGeneration(fold, disk, kind, segment);
}

/** Logs a replacement unless another one came first. Returns whether it is in the log. */
async function logReplacement(
  { log, session }: { log: Log; session: Session },
  disk: DiskId,
  item: Replacement,
  signal: AbortSignal,
): Promise<boolean> {
  const appended = await appendInSession(
    log,
    session,
    (fold) =>
      currentGeneration(fold, disk, item.kind, item.segment) === item.from
        ? { type: "replaced", session: session.id, disk, items: [item] }
        : null,
    signal,
  );
  return appended !== null;
}
