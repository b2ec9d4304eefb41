import type { SegmentId } from "#vault/object/ids.ts";
import { POINTER_BYTES, segmentAt, slotAt, writeSegmentPrefix } from "#vault/segments/pointer.ts";

const FIRST_WORDS = 8;

/** A set of slots of one segment, one bit a slot. */
export class SlotBits {
  #words = new Uint32Array(FIRST_WORDS);
  #size = 0;
  #highest = -1;

  /** How many slots are in it. */
  get size(): number {
    return this.#size;
  }

  /** The highest slot, -1 when there is none. */
  get highest(): number {
    return this.#highest;
  }

  /** Returns false when the slot was in it already. */
  add(slot: number): boolean {
    const at = slot >>> 5;
    const bit = 1 << (slot & 31);
    if (at >= this.#words.length) this.#grow(at);
    const word = this.#words[at] ?? 0;
    if ((word & bit) !== 0) return false;
    this.#words[at] = word | bit;
    this.#size++;
    if (slot > this.#highest) this.#highest = slot;
    return true;
  }

  has(slot: number): boolean {
    return ((this.#words[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0;
  }

  /** In ascending order. */
  *[Symbol.iterator](): Generator<number, undefined> {
    for (let slot = 0; slot <= this.#highest; slot++) if (this.has(slot)) yield slot;
  }

  #grow(at: number): void {
    let length = this.#words.length;
    while (length <= at) length *= 2;
    const words = new Uint32Array(length);
    words.set(this.#words);
    this.#words = words;
  }
}

/** A segment, and those of its slots that something reaches. */
export type LiveSegment = { readonly id: SegmentId; readonly slots: SlotBits };

type SessionSegments = {
  readonly nonceLow: number;
  readonly nonceHigh: number;
  readonly byCounter: Map<number, LiveSegment>;
};

/**
 * Slots that are reached, of all segments of one kind of a disk. It is asked once for every pointer of every tree, so it
 * finds a segment by the numbers in a pointer and builds no name for it.
 */
export class LiveSlots implements Iterable<LiveSegment> {
  readonly #sessions = new Map<number, SessionSegments[]>();
  readonly #key = new Uint8Array(POINTER_BYTES);
  #last: LiveSegment | null = null;
  #lastSeq = 0;
  #lastNonceLow = 0;
  #lastNonceHigh = 0;
  #lastCounter = 0;
  #size = 0;

  /** Segments with a slot that is reached. */
  get size(): number {
    return this.#size;
  }

  /** The segment that the pointer at `at` names; made, without slots, where nothing reached it before. */
  at(pointers: Uint8Array, at: number): LiveSegment {
    const seq = u32(pointers, at);
    const nonceLow = u32(pointers, at + 4);
    const nonceHigh = u32(pointers, at + 8);
    const counter = u32(pointers, at + 12);
    if (
      this.#last !== null &&
      counter === this.#lastCounter &&
      seq === this.#lastSeq &&
      nonceLow === this.#lastNonceLow &&
      nonceHigh === this.#lastNonceHigh
    ) {
      return this.#last;
    }
    let sameSeq = this.#sessions.get(seq);
    if (sameSeq === undefined) this.#sessions.set(seq, (sameSeq = []));
    let session = withNonce(sameSeq, nonceLow, nonceHigh);
    if (session === undefined) sameSeq.push((session = { nonceLow, nonceHigh, byCounter: new Map() }));
    let segment = session.byCounter.get(counter);
    if (segment === undefined) {
      segment = { id: segmentAt(pointers, at), slots: new SlotBits() };
      session.byCounter.set(counter, segment);
      this.#size++;
    }
    this.#last = segment;
    this.#lastSeq = seq;
    this.#lastNonceLow = nonceLow;
    this.#lastNonceHigh = nonceHigh;
    this.#lastCounter = counter;
    return segment;
  }

  /** True when the slot that the pointer at `at` names is reached. */
  has(pointers: Uint8Array, at: number): boolean {
    return this.#find(pointers, at)?.has(slotAt(pointers, at)) ?? false;
  }

  /** The slots of a segment that are reached; undefined when none is. */
  get(segment: SegmentId): SlotBits | undefined {
    writeSegmentPrefix(this.#key, 0, segment);
    return this.#find(this.#key, 0);
  }

  /** The slots of a segment, made where there are none. */
  ensure(segment: SegmentId): SlotBits {
    writeSegmentPrefix(this.#key, 0, segment);
    return this.at(this.#key, 0).slots;
  }

  #find(pointers: Uint8Array, at: number): SlotBits | undefined {
    const nonceLow = u32(pointers, at + 4);
    const nonceHigh = u32(pointers, at + 8);
    const sessions = this.#sessions.get(u32(pointers, at));
    const session = sessions === undefined ? undefined : withNonce(sessions, nonceLow, nonceHigh);
    return session?.byCounter.get(u32(pointers, at + 12))?.slots;
  }

  /** In no order that means anything. */
  *[Symbol.iterator](): Generator<LiveSegment, undefined> {
    for (const sessions of this.#sessions.values()) for (const { byCounter } of sessions) yield* byCounter.values();
  }
}

function withNonce(
  sessions: readonly SessionSegments[],
  nonceLow: number,
  nonceHigh: number,
): SessionSegments | undefined {
  for (const session of sessions) {
    if (session.nonceLow === nonceLow && session.nonceHigh === nonceHigh) return session;
  }
  return undefined;
}

function u32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}
