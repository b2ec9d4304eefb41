import { LockstepError } from "#errors/errors.ts";
import type { Pieces } from "#store/contract.ts";
import { MAX_SLOTS, PAGE_BYTES, writeTail } from "#vault/segments/segment.ts";
import type { SegmentCipher, SlotRow } from "#vault/segments/segment.ts";
import { sealSlot } from "#vault/segments/slot.ts";

/**
 * Fills one generation of a segment in memory, slot after slot. The buffer is the caller's: once the finished pieces are
 * stored it may be used again.
 */
export class SegmentBuilder {
  readonly cipher: SegmentCipher;
  #buffer: Uint8Array;
  readonly #rows: SlotRow[] = [];
  #end = PAGE_BYTES;

  /** @param buffer  at least a page and one slot long; aligned, where direct writes are wanted */
  constructor(cipher: SegmentCipher, buffer: Uint8Array) {
    this.cipher = cipher;
    this.#buffer = buffer;
    buffer.fill(0, 0, PAGE_BYTES);
    buffer.set(cipher.header, 0);
  }

  /** Slots so far, those left out included. */
  get slotCount(): number {
    return this.#rows.length;
  }

  /** Bytes that the slots take so far. */
  get storedBytes(): number {
    return this.#end - PAGE_BYTES;
  }

  /** Seals `plain` as the next slot and returns its number; null when the segment is full (nothing is written then). */
  add(plain: Uint8Array, compress: boolean): number | null {
    const slot = this.#rows.length;
    if (slot === MAX_SLOTS) return null;
    const row = sealSlot(this.cipher, slot, plain, compress, this.#buffer, this.#end);
    if (row === null) {
      if (slot === 0) throw new LockstepError("ARGUMENT_INVALID", `a slot of ${plain.length} bytes fits no segment`);
      return null;
    }
    this.#rows.push(row);
    this.#end += row.storedBytes;
    return slot;
  }

  /** Makes the buffer twice as long, up to `limitBytes`; false when it has that length already. */
  grow(limitBytes: number): boolean {
    if (this.#buffer.length >= limitBytes) return false;
    const larger = new Uint8Array(Math.min(limitBytes, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = larger;
    return true;
  }

  /** Leaves the next slot out: pointers to it will find nothing. */
  skip(): void {
    this.#rows.push({ offsetBytes: this.#end, storedBytes: 0, plainBytes: 0, tag: new Uint8Array(16) });
  }

  /** The whole object: a view of the buffer, and the tail. */
  finish(): Pieces {
    return [this.#buffer.subarray(0, this.#end), writeTail(this.cipher, this.#rows)];
  }
}
