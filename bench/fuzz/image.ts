import { closeSync, fstatSync, openSync, readSync } from "node:fs";

import { isZero } from "#bytes/arrays.ts";
import type { Piece } from "#testing/disks/sparse-source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const BLOCK_BYTES = 4096;

/**
 * An image in memory: the blocks of a file that are not zero, and over them the blocks that were changed. A change costs the
 * blocks that it touches, however large the image is.
 */
export class Image {
  sizeBytes: number;
  readonly #blocks: ReadonlyMap<number, Uint8Array>;
  readonly #changed = new Map<number, Uint8Array>();

  constructor(sizeBytes: number, blocks: ReadonlyMap<number, Uint8Array>) {
    this.sizeBytes = sizeBytes;
    this.#blocks = blocks;
  }

  static load(path: string): Image {
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      const blocks = new Map<number, Uint8Array>();
      const piece = new Uint8Array(256 * BLOCK_BYTES);
      for (let at = 0; at < size; at += piece.length) {
        piece.fill(0);
        readSync(file, piece, 0, Math.min(piece.length, size - at), at);
        for (let inside = 0; inside < piece.length; inside += BLOCK_BYTES) {
          const block = piece.slice(inside, inside + BLOCK_BYTES);
          if (!isZero(block)) blocks.set((at + inside) / BLOCK_BYTES, block);
        }
      }
      return new Image(size, blocks);
    } finally {
      closeSync(file);
    }
  }

  /** Zeros but for some pieces. */
  static of(sizeBytes: number, pieces: readonly Piece[]): Image {
    const image = new Image(sizeBytes, new Map());
    for (const { offsetBytes, bytes } of pieces) image.write(offsetBytes, bytes);
    return new Image(sizeBytes, image.#changed);
  }

  /** The same image, unchanged. */
  fresh(): Image {
    return new Image(this.sizeBytes, this.#blocks);
  }

  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    for (let at = 0; at < lengthBytes;) {
      const number = Math.floor((offsetBytes + at) / BLOCK_BYTES);
      const inside = offsetBytes + at - number * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - inside, lengthBytes - at);
      const block = this.#changed.get(number) ?? this.#blocks.get(number);
      if (block !== undefined) bytes.set(block.subarray(inside, inside + length), at);
      at += length;
    }
    return bytes;
  }

  /** Bytes past the image's end are left out. */
  write(offsetBytes: number, bytes: Uint8Array): void {
    const end = Math.min(bytes.length, this.sizeBytes - offsetBytes);
    for (let at = 0; at < end;) {
      const number = Math.floor((offsetBytes + at) / BLOCK_BYTES);
      const inside = offsetBytes + at - number * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - inside, end - at);
      let block = this.#changed.get(number);
      if (block === undefined) {
        block = this.#blocks.get(number)?.slice() ?? new Uint8Array(BLOCK_BYTES);
        this.#changed.set(number, block);
      }
      block.set(bytes.subarray(at, at + length), inside);
      at += length;
    }
  }

  /** @param noted  is told of each read */
  source(noted: (offsetBytes: number, lengthBytes: number) => void): VolumeSource {
    const { sizeBytes } = this;
    return {
      sizeBytes,
      sectorBytes: null,
      read: async (offsetBytes, lengthBytes) => {
        if (!(offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= sizeBytes)) {
          throw new Error(`a read outside the source: ${lengthBytes} bytes at ${offsetBytes} of ${sizeBytes}`);
        }
        noted(offsetBytes, lengthBytes);
        return Promise.resolve(this.read(offsetBytes, lengthBytes));
      },
    };
  }
}
