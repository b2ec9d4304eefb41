import type { Damage, SlotRanges } from "#vault/entry/entry.ts";
import { hasSlot, uniteSlots } from "#vault/fold/fold-slots.ts";
import { currentGeneration, segmentKey } from "#vault/fold/fold.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId } from "#vault/object/ids.ts";

/** The most segments in one entry. */
const ITEMS = 4096;

/** Slots as ranges. @param slots  in any order */
export function rangesOf(slots: readonly number[]): SlotRanges {
  return uniteSlots(
    slots.map((slot) => [slot, 1] as const),
    [],
  );
}

/**
 * Logs damage, so that a backup looks for what is lost and a rewrite may go on without it. What the log says already, and
 * what was found in a generation that is no longer the current one, is left out.
 *
 * @returns  how many slots were not in the log before
 * @throws {LockstepError} what `Log.append` throws
 */
export async function logDamage(
  log: Log,
  disk: DiskId,
  found: readonly Damage[],
  signal: AbortSignal,
): Promise<number> {
  let slots = 0;
  for (let from = 0; from < found.length; from += ITEMS) {
    const part = found.slice(from, from + ITEMS);
    let fresh: readonly Damage[] = [];
    const appended = await log.append((fold) => {
      fresh = part.flatMap((item) => newDamage(fold, disk, item));
      return fresh.length === 0 ? null : { type: "damaged", disk, items: fresh };
    }, signal);
    if (appended === null) continue;
    for (const { slots: ranges } of fresh) for (const [, count] of ranges) slots += count;
  }
  return slots;
}

function newDamage(fold: Fold, disk: DiskId, { kind, segment, generation, slots }: Damage): readonly Damage[] {
  if (currentGeneration(fold, disk, kind, segment) !== generation) return [];
  const known = fold.damaged.get(segmentKey(disk, kind, segment)) ?? [];
  const fresh: number[] = [];
  for (const [first, count] of slots) {
    for (let slot = first; slot < first + count; slot++) if (!hasSlot(known, slot)) fresh.push(slot);
  }
  return fresh.length === 0 ? [] : [{ kind, segment, generation, slots: rangesOf(fresh) }];
}
