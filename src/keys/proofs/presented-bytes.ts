import { createHash } from "node:crypto";

import type { VolumePiece } from "#volume/source/pieces-source.ts";

/** The SHA-256 of what somebody presents of a volume: of each piece its offset and length, u64 big-endian, and its bytes. */
export class PresentedBytes {
  readonly #hash = createHash("sha256");

  add({ offsetBytes, bytes }: VolumePiece): void {
    const head = new DataView(new ArrayBuffer(16));
    head.setBigUint64(0, BigInt(offsetBytes));
    head.setBigUint64(8, BigInt(bytes.length));
    this.#hash.update(new Uint8Array(head.buffer)).update(bytes);
  }

  /** Digest of all bytes up to now, in hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
