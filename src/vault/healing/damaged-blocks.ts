import type { SlotRanges } from "#vault/entry/entry.ts";
import type { FoldMap } from "#vault/fold/fold-map.ts";
import { hasSlot } from "#vault/fold/fold-slots.ts";
import { segmentKey } from "#vault/fold/fold.ts";
import type { SegmentKey } from "#vault/fold/fold.ts";
import type { DiskId, SegmentId } from "#vault/object/ids.ts";
import { fingerprintAt, isZeroPointer, POINTER_BYTES, segmentAt, slotAt } from "#vault/segments/pointer.ts";

/** A block of the disk that is the content of a damaged slot. */
export type Remedy = { readonly block: number; readonly slot: number; readonly fingerprint: Uint8Array };

/** Finds, while a disk is read, blocks that the vault holds damaged and that the disk still has as they were. */
export class DamagedBlocks {
  readonly #disk: DiskId;
  readonly #damaged: FoldMap<SegmentKey, SlotRanges>;
  readonly #found = new Map<SegmentId, Map<number, Remedy>>();

  constructor(disk: DiskId, damaged: FoldMap<SegmentKey, SlotRanges>) {
    this.#disk = disk;
    this.#damaged = damaged;
  }

  /** True when the log names no damage, so that there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#damaged.size === 0;
  }

  /** What was found: for each segment, remedies by slot. */
  get found(): ReadonlyMap<SegmentId, ReadonlyMap<number, Remedy>> {
    return this.#found;
  }

  /**
   * Notes blocks that were compared with their pointers.
   *
   * @param pointers  packed, of the blocks from `first` on
   * @param differs   whether the block of that number, from `first` on, is not what its pointer says
   */
  note(first: number, pointers: Uint8Array, differs: (number: number) => boolean): void {
    if (this.isEmpty) return;
    for (let at = 0, number = 0; at < pointers.length; at += POINTER_BYTES, number++) {
      if (isZeroPointer(pointers, at) || differs(number)) continue;
      const segment = segmentAt(pointers, at);
      const slot = slotAt(pointers, at);
      if (!hasSlot(this.#damaged.get(segmentKey(this.#disk, "data", segment)) ?? [], slot)) continue;
      const remedies = this.#found.get(segment) ?? new Map<number, Remedy>();
      remedies.set(slot, { block: first + number, slot, fingerprint: fingerprintAt(pointers, at).slice() });
      this.#found.set(segment, remedies);
    }
  }
}
