import { isLockstepError, messageOf } from "#errors/errors.ts";
import type { LeftAlone, SegmentToReplace } from "#vault/collection/replace-segments.ts";
import type { KeptSegment } from "#vault/collection/sweep.ts";
import { isDeadSession } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import { sessionOfSegment } from "#vault/object/ids.ts";
import type { MachineId } from "#vault/object/ids.ts";
import type { SegmentRef } from "#vault/segments/segment-reader.ts";
import { readTable } from "#vault/segments/segment-table.ts";
import { FOOTER_BYTES, PAGE_BYTES, ROW_BYTES } from "#vault/segments/segment.ts";
import type { SlotBits } from "#vault/tree/live-slots.ts";
import type { Liveness } from "#vault/tree/mark.ts";
import type { Vault } from "#vault/vault.ts";

/** A segment that is worth a new generation, and how many bytes that would take less, second copies counted. */
export type PlannedRewrite = SegmentToReplace & { readonly freedBytes: number };

export type RewritePlan = {
  readonly rewrites: readonly PlannedRewrite[];
  readonly leftAlone: readonly LeftAlone[];
};

/** Bytes of an object besides slots and their rows: the first page, the table's tag, and the footer. */
const FRAME_BYTES = PAGE_BYTES + 16 + FOOTER_BYTES;

type Candidate = { readonly ref: SegmentRef; readonly live: SlotBits; sizeBytes: number; copyBytes: number };

/**
 * Collects, while a sweep goes over the objects that stay, segments of which at least half would go. A rewrite therefore
 * always halves its segment, so no prune does again what the one before did.
 *
 * A data segment is judged by its size and the number of its live blocks, without reading it: as if they were stored as
 * they are. One that was compressed is therefore rewritten somewhat later.
 */
export class RewriteCandidates {
  readonly #live: Liveness;
  readonly #found = new Map<string, Candidate>();

  constructor(live: Liveness) {
    this.#live = live;
  }

  /** Objects come before their second copies. */
  note({ object, sizeBytes, isCopy }: KeptSegment): void {
    const { disk, kind, segment, generation } = object;
    const { fold, disks } = this.#live;
    const marks = disks.get(disk);
    const live = marks?.[kind].get(segment);
    if (live === undefined || marks === undefined || marks.unreadable.length > 0) return;
    if (currentGeneration(fold, disk, kind, segment) !== generation) return;
    const name = `${disk}/${kind}/${segment}`;
    if (isCopy) {
      const candidate = this.#found.get(name);
      if (candidate !== undefined) candidate.copyBytes = sizeBytes;
      return;
    }
    if (!isDeadSession(fold, sessionOfSegment(segment))) return;
    const ref = { disk, kind, segment };
    if (2 * this.#mostBytes(ref, live) > sizeBytes) return;
    this.#found.set(name, { ref, live, sizeBytes, copyBytes: 0 });
  }

  /** What a new generation of each would free, exactly. */
  async plan(vault: Vault, machine: MachineId, signal: AbortSignal): Promise<RewritePlan> {
    const rewrites: PlannedRewrite[] = [];
    const leftAlone: LeftAlone[] = [];
    for (const candidate of this.#found.values()) {
      const { ref, live, sizeBytes, copyBytes } = candidate;
      try {
        const newBytes = await this.#newBytes(vault, machine, ref, live, signal);
        const copies = ref.kind === "nodes" && vault.store.traits.singleDisk ? 2 : 1;
        rewrites.push({ ref, live, sizeBytes, copyBytes, freedBytes: sizeBytes + copyBytes - copies * newBytes });
      } catch (error) {
        if (!isLockstepError(error, "OBJECT_MISSING", "OBJECT_CORRUPT", "FIELD_CORRUPT")) throw error;
        leftAlone.push({ ref, why: messageOf(error) });
      }
    }
    return { rewrites, leftAlone };
  }

  /** The most bytes that a new generation can have. */
  #mostBytes({ disk, kind, segment }: SegmentRef, live: SlotBits): number {
    const { fold, disks } = this.#live;
    if (kind === "nodes") {
      const size = disks.get(disk)?.nodeSizes.get(segment);
      return size === undefined ? Infinity : FRAME_BYTES + size.liveBytes + size.slotCount * ROW_BYTES;
    }
    const blockBytes = fold.machine.disks.find(({ id }) => id === disk)?.blockBytes ?? Infinity;
    return FRAME_BYTES + live.size * blockBytes + (live.highest + 1) * ROW_BYTES;
  }

  async #newBytes(
    { store, keyring }: Vault,
    machine: MachineId,
    ref: SegmentRef,
    live: SlotBits,
    signal: AbortSignal,
  ): Promise<number> {
    if (ref.kind === "nodes") return this.#mostBytes(ref, live);
    const generation = currentGeneration(this.#live.fold, ref.disk, ref.kind, ref.segment);
    const table = await readTable(store, keyring.keys, { machine, ...ref, generation }, signal);
    let bytes = FRAME_BYTES + table.slotCount * ROW_BYTES;
    for (const slot of live) bytes += table.row(slot)?.storedBytes ?? 0;
    return bytes;
  }
}
