import type { VolumeSource } from "#volume/source/source.ts";

/** Bytes at a place of an image. */
export type Piece = { readonly offsetBytes: number; readonly bytes: Uint8Array };

/** A source of any size that is zeros but for some pieces, later ones over earlier ones; counts what is read of it. */
export type SparseSource = VolumeSource & { readonly bytesRead: () => number };

export function sparseSource(
  sizeBytes: number,
  pieces: readonly Piece[],
  sectorBytes: number | null = null,
): SparseSource {
  let bytesRead = 0;
  return {
    sizeBytes,
    sectorBytes,
    bytesRead: () => bytesRead,
    read(offsetBytes, lengthBytes) {
      if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > sizeBytes) {
        throw new RangeError(`${lengthBytes} bytes at ${offsetBytes} of ${sizeBytes}`);
      }
      bytesRead += lengthBytes;
      const into = new Uint8Array(lengthBytes);
      for (const piece of pieces) {
        const from = Math.max(offsetBytes, piece.offsetBytes);
        const to = Math.min(offsetBytes + lengthBytes, piece.offsetBytes + piece.bytes.length);
        if (from >= to) continue;
        into.set(piece.bytes.subarray(from - piece.offsetBytes, to - piece.offsetBytes), from - offsetBytes);
      }
      return Promise.resolve(into);
    },
  };
}

/** Writes fields of a structure by their place. */
export class Layout {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;

  constructor(sizeBytes: number, byteOrder: "little" | "big" = "little") {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
    this.#isLittle = byteOrder === "little";
  }

  u8(at: number, ...values: readonly number[]): this {
    for (const [index, value] of values.entries()) this.#view.setUint8(at + index, value);
    return this;
  }

  u16(at: number, ...values: readonly number[]): this {
    for (const [index, value] of values.entries()) this.#view.setUint16(at + 2 * index, value, this.#isLittle);
    return this;
  }

  u32(at: number, ...values: readonly number[]): this {
    for (const [index, value] of values.entries()) this.#view.setUint32(at + 4 * index, value, this.#isLittle);
    return this;
  }

  u64(at: number, ...values: readonly (number | bigint)[]): this {
    for (const [index, value] of values.entries()) {
      this.#view.setBigUint64(at + 8 * index, BigInt(value), this.#isLittle);
    }
    return this;
  }

  /** Characters of one byte each. */
  text(at: number, characters: string): this {
    return this.set(
      at,
      Uint8Array.from(characters, (character) => character.charCodeAt(0)),
    );
  }

  set(at: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, at);
    return this;
  }
}

/** 16 bytes 1, 2, 3, … */
export const someUuid = Uint8Array.from({ length: 16 }, (_, at) => at + 1);
export const someUuidText = "01020304-0506-0708-090a-0b0c0d0e0f10";
