import type { DiskId, SegmentId } from "#vault/object/ids.ts";
import { isZeroPointer, POINTER_BYTES, sameSegment, segmentAt, slotAt } from "#vault/segments/pointer.ts";
import type { SegmentRef } from "#vault/segments/segment-reader.ts";

/** Slots that one ranged get brings, and the block that each of them holds. */
export type ReadRun = {
  readonly ref: SegmentRef;
  /** Ascending. */
  readonly slots: readonly number[];
  /** Parallel to `slots`. */
  readonly blocks: readonly number[];
};

/** The most blocks that a plan may have: its sort keys are whole numbers below 2^53. */
export const PLAN_BLOCKS = 262_144;

const SLOT_BITS = 65_536;

/**
 * Puts the reads of many blocks into the order in which they lie in the store: segment after segment, each from its
 * first slot to its last, neighbours together. What was written together is so read together, however often the disk has
 * changed since.
 */
export class ReadPlan {
  readonly #disk: DiskId;
  readonly #segments = new Map<SegmentId, number>();
  readonly #blocks: Uint32Array;
  readonly #segmentOf: Uint32Array;
  readonly #slots: Uint16Array;
  readonly #lastPointer = new Uint8Array(POINTER_BYTES);
  #lastSegment = 0;
  #count = 0;

  /** @param capacity  blocks that will be added at the most, up to `PLAN_BLOCKS` */
  constructor(disk: DiskId, capacity: number) {
    this.#disk = disk;
    this.#blocks = new Uint32Array(capacity);
    this.#segmentOf = new Uint32Array(capacity);
    this.#slots = new Uint16Array(capacity);
  }

  get blockCount(): number {
    return this.#count;
  }

  /** Adds the block whose pointer is at `at`; a pointer of zeros is ignored. */
  add(block: number, pointers: Uint8Array, at: number): void {
    if (isZeroPointer(pointers, at)) return;
    if (this.#count === 0 || !sameSegment(pointers, at, this.#lastPointer, 0)) {
      const name = segmentAt(pointers, at);
      this.#lastSegment = this.#segments.get(name) ?? this.#segments.size;
      this.#segments.set(name, this.#lastSegment);
      this.#lastPointer.set(pointers.subarray(at, at + POINTER_BYTES));
    }
    this.#blocks[this.#count] = block;
    this.#segmentOf[this.#count] = this.#lastSegment;
    this.#slots[this.#count] = slotAt(pointers, at);
    this.#count++;
  }

  /**
   * The runs, in order.
   *
   * @param maxSlots  the most slots from a run's first to its last
   * @param maxGap    slots that may lie unwanted between two of a run
   */
  *runs(maxSlots: number, maxGap: number): Generator<ReadRun> {
    const names = [...this.#segments.keys()].sort();
    const rank = new Uint32Array(names.length);
    for (const [index, name] of names.entries()) rank[this.#segments.get(name) ?? 0] = index;

    // One number a block sorts by segment, then slot, and brings the block along: 17 + 16 + 18 bits at the most.
    const keys = new Float64Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      const segment = rank[this.#segmentOf[i] ?? 0] ?? 0;
      keys[i] = (segment * SLOT_BITS + (this.#slots[i] ?? 0)) * PLAN_BLOCKS + i;
    }
    keys.sort();

    let slots: number[] = [];
    let blocks: number[] = [];
    let current = -1;
    const take = (): ReadRun => {
      const run = {
        ref: { disk: this.#disk, kind: "data", segment: names[current] ?? ("" as SegmentId) } as const,
        slots,
        blocks,
      };
      slots = [];
      blocks = [];
      return run;
    };
    for (const key of keys) {
      const place = Math.floor(key / PLAN_BLOCKS);
      const segment = Math.floor(place / SLOT_BITS);
      const slot = place % SLOT_BITS;
      const first = slots[0] ?? slot;
      const last = slots.at(-1) ?? slot;
      if (slots.length > 0 && (segment !== current || slot - last > maxGap + 1 || slot - first >= maxSlots))
        yield take();
      current = segment;
      slots.push(slot);
      blocks.push(this.#blocks[key % PLAN_BLOCKS] ?? 0);
    }
    if (slots.length > 0) yield take();
  }
}
