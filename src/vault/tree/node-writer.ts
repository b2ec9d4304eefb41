import { fingerprinter } from "#crypto/fingerprint.ts";
import { asError } from "#errors/errors.ts";
import type { Pieces } from "#store/contract.ts";
import type { SegmentId } from "#vault/object/ids.ts";
import { POINTER_BYTES, writePointer } from "#vault/segments/pointer.ts";
import { SegmentBuilder } from "#vault/segments/segment-builder.ts";
import type { SegmentCipher } from "#vault/segments/segment.ts";
import { writeNode } from "#vault/tree/node.ts";

/** Node segments are small, since one is read as a whole for a node in it. */
const NODE_SEGMENT_BYTES = 4 * 1024 * 1024;

/** Room for the nodes of a small change; it grows with them. */
const FIRST_BYTES = 64 * 1024;
const BUSY_PUTS = 2;
const ZERO = new Uint8Array(POINTER_BYTES);

/** A node segment that is about to be written, and how to store it. */
export type NewSegment = {
  readonly segment: SegmentId;
  readonly cipher: SegmentCipher;
  /** Resolves when the object is durable. */
  store(pieces: Pieces, signal: AbortSignal): Promise<void>;
};

/** Packs a disk's new tree nodes into segments. */
export class NodeWriter {
  readonly #newSegment: () => NewSegment;
  readonly #fingerprint: ReturnType<typeof fingerprinter>;
  readonly #signal: AbortSignal;
  readonly #puts = new Set<Promise<void>>();
  #failure: Error | null = null;
  #current: { segment: NewSegment; builder: SegmentBuilder } | null = null;
  #storedBytes = 0;

  /** @param fingerprintKey  32 bytes, the disk's */
  constructor(newSegment: () => NewSegment, fingerprintKey: Uint8Array, signal: AbortSignal) {
    this.#newSegment = newSegment;
    this.#fingerprint = fingerprinter(fingerprintKey);
    this.#signal = signal;
  }

  /** True when so much waits to be stored that the caller should `drain` before adding more. */
  get isBusy(): boolean {
    return this.#puts.size >= BUSY_PUTS;
  }

  /** Bytes of all nodes so far, sealed, without second copies. */
  get storedBytes(): number {
    return this.#storedBytes + (this.#current?.builder.storedBytes ?? 0);
  }

  /**
   * Adds a node and returns its pointer, 36 bytes, zeros for a node of nothing but zeros. The node is durable only after
   * `flush`.
   *
   * @param pointers  32 pointers of 36 bytes
   */
  add(level: number, pointers: Uint8Array): Uint8Array {
    const plain = writeNode(level, pointers);
    if (plain === null) return ZERO;
    let current = (this.#current ??= this.#begin());
    let slot = current.builder.add(plain, false);
    while (slot === null && current.builder.grow(NODE_SEGMENT_BYTES)) slot = current.builder.add(plain, false);
    if (slot === null) {
      this.#finish();
      current = this.#current = this.#begin();
      slot = current.builder.add(plain, false) ?? 0;
    }
    const pointer = new Uint8Array(POINTER_BYTES);
    writePointer(pointer, 0, {
      segment: current.segment.segment,
      slot,
      flags: 0,
      fingerprint: this.#fingerprint.of(plain),
    });
    return pointer;
  }

  /** Waits until a few segments at most are still being stored. */
  async drain(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#puts.size > 0) await Promise.race(this.#puts);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Stores what was added; when it resolves, all of it is durable. */
  async flush(): Promise<void> {
    this.#finish();
    await Promise.all(this.#puts);
    if (this.#failure !== null) throw this.#failure;
  }

  #begin(): { segment: NewSegment; builder: SegmentBuilder } {
    const segment = this.#newSegment();
    return { segment, builder: new SegmentBuilder(segment.cipher, new Uint8Array(FIRST_BYTES)) };
  }

  #finish(): void {
    const current = this.#current;
    if (current === null || current.builder.slotCount === 0) return;
    this.#current = null;
    const pieces = current.builder.finish();
    this.#storedBytes += pieces.reduce((sum, piece) => sum + piece.length, 0);
    const put: Promise<void> = current.segment.store(pieces, this.#signal).then(
      () => void this.#puts.delete(put),
      (error: unknown) => {
        this.#puts.delete(put);
        this.#failure ??= asError(error);
      },
    );
    this.#puts.add(put);
  }
}
