import { equalBytes, isZero } from "#bytes/arrays.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import { fingerprintAt, isZeroPointer } from "#vault/segments/pointer.ts";

/** Finds the blocks of a disk that are not what pointers say. */
export class BlockComparer {
  readonly #fingerprint: ReturnType<typeof fingerprinter>;
  #different: number[] = [];

  /** @param fingerprintKey 32 bytes, the disk's */
  constructor(fingerprintKey: Uint8Array) {
    this.#fingerprint = fingerprinter(fingerprintKey);
  }

  /** @param number  of the block in the caller's stretch; @param pointers  packed, the block's at `at` */
  put(block: Uint8Array, number: number, pointers: Uint8Array, at: number): void {
    const same = isZeroPointer(pointers, at)
      ? isZero(block)
      : equalBytes(this.#fingerprint.of(block), fingerprintAt(pointers, at));
    if (!same) this.#different.push(number);
  }

  /** Numbers of the blocks that differed since the last call, ascending. */
  take(): readonly number[] {
    const taken = this.#different;
    this.#different = [];
    return taken;
  }
}
