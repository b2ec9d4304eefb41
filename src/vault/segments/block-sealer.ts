import { equalBytes, isZero } from "#bytes/arrays.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import type { Pieces } from "#store/contract.ts";
import type { SegmentId } from "#vault/object/ids.ts";
import { looksCompressible } from "#vault/segments/compressible.ts";
import { fingerprintAt, isZeroPointer, POINTER_BYTES, writePointer } from "#vault/segments/pointer.ts";
import { SegmentBuilder } from "#vault/segments/segment-builder.ts";
import type { SegmentCipher } from "#vault/segments/segment.ts";

/** Bytes of one change: u32 number of the block in its stretch, then its new pointer. */
export const CHANGE_BYTES = 4 + POINTER_BYTES;

/** A data segment to be filled: its name, its cipher, and memory for it. Plain data, for worker threads. */
export type SegmentGrant = { readonly segment: SegmentId; readonly cipher: SegmentCipher; readonly buffer: Uint8Array };

/** Where a sealer gets segments and where it leaves them. */
export type SegmentExchange = {
  /** Resolves to the next segment to fill. */
  next(): Promise<SegmentGrant>;
  /** Takes a filled one. The pieces are views of the grant's buffer and a tail. */
  filled(grant: SegmentGrant, pieces: Pieces): void;
};

/** What came of the blocks that were put in since `take` was called last. */
export type SealedBlocks = {
  /** `CHANGE_BYTES` a block whose pointer is not the base's any more. */
  readonly changes: Uint8Array;
  /** Bytes that are not in blocks of zeros. */
  readonly dataBytes: number;
  /** Bytes in blocks that were sealed, before compression. */
  readonly newBytes: number;
};

/** Compares blocks with what the base has at the same place, and seals those that differ. */
export class BlockSealer {
  readonly #exchange: SegmentExchange;
  readonly #fingerprint: ReturnType<typeof fingerprinter>;
  #open: { grant: SegmentGrant; builder: SegmentBuilder } | null = null;
  #changes = new Uint8Array(64 * CHANGE_BYTES);
  #changeCount = 0;
  #dataBytes = 0;
  #newBytes = 0;

  /** @param fingerprintKey 32 bytes, the disk's */
  constructor(fingerprintKey: Uint8Array, exchange: SegmentExchange) {
    this.#fingerprint = fingerprinter(fingerprintKey);
    this.#exchange = exchange;
  }

  /**
   * @param block   the block's bytes, fewer than the block size only at the disk's end
   * @param number  of the block in the caller's stretch; comes back in the change
   * @param base    packed pointers; the base's pointer of this block is at `at`
   * @param flags   for the pointer of a block that is sealed
   */
  async put(block: Uint8Array, number: number, base: Uint8Array, at: number, flags: number): Promise<void> {
    if (flags === 0 && isZero(block)) {
      if (!isZeroPointer(base, at)) this.#change(number);
      return;
    }
    this.#dataBytes += block.length;
    const fingerprint = this.#fingerprint.of(block);
    if (flags === 0 && !isZeroPointer(base, at) && equalBytes(fingerprint, fingerprintAt(base, at))) return;
    this.#newBytes += block.length;
    const compress = looksCompressible(block);
    let open = this.#open ?? (await this.#begin());
    let slot = open.builder.add(block, compress);
    if (slot === null) {
      this.flush();
      open = await this.#begin();
      slot = open.builder.add(block, compress) ?? 0;
    }
    const to = this.#change(number);
    writePointer(this.#changes, to, { segment: open.grant.segment, slot, flags, fingerprint });
  }

  /** What was found since the last call. */
  take(): SealedBlocks {
    const changes = this.#changes.slice(0, this.#changeCount * CHANGE_BYTES);
    const taken = { changes, dataBytes: this.#dataBytes, newBytes: this.#newBytes };
    this.#changeCount = 0;
    this.#dataBytes = 0;
    this.#newBytes = 0;
    return taken;
  }

  /** Hands over the segment that is being filled, if there is one. */
  flush(): void {
    if (this.#open === null) return;
    this.#exchange.filled(this.#open.grant, this.#open.builder.finish());
    this.#open = null;
  }

  async #begin(): Promise<{ grant: SegmentGrant; builder: SegmentBuilder }> {
    const grant = await this.#exchange.next();
    this.#open = { grant, builder: new SegmentBuilder(grant.cipher, grant.buffer) };
    return this.#open;
  }

  /** Adds a change, its pointer zeros so far, and returns where the pointer goes. */
  #change(number: number): number {
    const at = this.#changeCount * CHANGE_BYTES;
    if (at + CHANGE_BYTES > this.#changes.length) {
      const larger = new Uint8Array(this.#changes.length * 2);
      larger.set(this.#changes);
      this.#changes = larger;
    }
    new DataView(this.#changes.buffer).setUint32(at, number, true);
    this.#changes.fill(0, at + 4, at + CHANGE_BYTES);
    this.#changeCount++;
    return at + 4;
  }
}
