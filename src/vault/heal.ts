import { equalBytes } from "#bytes/arrays.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import type { DamagedBlocks } from "#vault/damaged-blocks.ts";
import type { Replacement } from "#vault/entry.ts";
import { hasSlot } from "#vault/fold-slots.ts";
import { currentGeneration, segmentKey } from "#vault/fold.ts";
import type { DiskId } from "#vault/ids.ts";
import type { Log } from "#vault/log.ts";
import { rewriteSegment } from "#vault/rewrite-segment.ts";
import { appendInSession } from "#vault/session.ts";
import type { Session } from "#vault/session.ts";
import { fingerprintKey } from "#vault/vault-keys.ts";
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
  const { vault, log, session } = deps;
  const { store, retry, random } = vault;
  const { keys } = vault.keyring;
  const fingerprint = fingerprinter(fingerprintKey(keys, disk));
  const warnings: string[] = [];
  let healedSlots = 0;
  let storedBytes = 0;
  for (const [segment, remedies] of blocks.found) {
    const ref = { disk, kind: "data", segment } as const;
    const key = segmentKey(disk, "data", segment);
    // Another writer may replace the generation meanwhile. The point that is being taken needs the block all the same.
    for (;;) {
      const damaged = log.fold.damaged.get(key) ?? [];
      if (![...remedies.keys()].some((slot) => hasSlot(damaged, slot))) break;
      const from = currentGeneration(log.fold, disk, "data", segment);
      const rewritten = await rewriteSegment(
        { store, keys, retry, random, machine: log.machine, session: session.id },
        {
          ref,
          from,
          slotCount: Math.max(...damaged.map(([first, count]) => first + count)),
          keep: "present",
          isDamaged: (slot) => hasSlot(damaged, slot),
          remedy: async (slot) => {
            const remedy = remedies.get(slot);
            if (remedy === undefined) return null;
            const content = await readBlock(remedy.block);
            return equalBytes(fingerprint.of(content), remedy.fingerprint) ? content : null;
          },
        },
        signal,
      );
      if ("leftAlone" in rewritten) {
        if (currentGeneration(await log.read(signal), disk, "data", segment) !== from) continue;
        warnings.push(`segment ${segment} was not healed: ${rewritten.leftAlone}`);
        break;
      }
      const { replacement } = rewritten;
      if (replacement.heals.length === 0) break;
      if (!(await logReplacement(deps, disk, replacement, signal))) continue;
      healedSlots += replacement.heals.length;
      storedBytes += rewritten.storedBytes;
      break;
    }
  }
  return { healedSlots, storedBytes, warnings };
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
