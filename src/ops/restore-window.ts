import { alignedBuffer } from "#bytes/arrays.ts";
import { adviseHugePages } from "#linux/libc.ts";

/** A piece of a target that is put together in memory before it is written. */
export class RestoreWindow {
  readonly firstBlock: number;
  readonly #buffer: Uint8Array;
  readonly #blockBytes: number;
  /** Bytes of each block that is in the buffer; 0 for blocks that are not restored. */
  readonly #lengths: Uint32Array;

  /** @param buffer  room for the window's blocks; it may hold anything */
  constructor(firstBlock: number, blockCount: number, blockBytes: number, buffer: Uint8Array) {
    this.firstBlock = firstBlock;
    this.#buffer = buffer;
    this.#blockBytes = blockBytes;
    this.#lengths = new Uint32Array(blockCount);
  }

  /** Where a block's bytes go. */
  place(block: number, lengthBytes: number): Uint8Array {
    const index = block - this.firstBlock;
    this.#lengths[index] = lengthBytes;
    return this.#buffer.subarray(index * this.#blockBytes, index * this.#blockBytes + lengthBytes);
  }

  /** The bytes that were placed, those of neighbours together. @param mostBytes  the longest run */
  *runs(mostBytes: number): Generator<{ readonly offsetBytes: number; readonly bytes: Uint8Array }> {
    const most = Math.max(1, Math.floor(mostBytes / this.#blockBytes));
    const count = this.#lengths.length;
    for (let from = 0; from < count;) {
      if (this.#lengths[from] === 0) {
        from++;
        continue;
      }
      let to = from + 1;
      while (to < count && to - from < most && this.#lengths[to - 1] === this.#blockBytes && this.#lengths[to] !== 0)
        to++;
      const end = (to - 1) * this.#blockBytes + (this.#lengths[to - 1] ?? 0);
      const offsetBytes = (this.firstBlock + from) * this.#blockBytes;
      yield { offsetBytes, bytes: this.#buffer.subarray(from * this.#blockBytes, end) };
      from = to;
    }
  }
}

/** Below this, clearing pages of 2 MiB costs more than they save. */
const HUGE_FROM_BYTES = 8 * 1024 * 1024;

/** A few buffers that are used again and again. */
export class BufferPool {
  readonly #free: Uint8Array[] = [];
  readonly #waiting: ((buffer: Uint8Array) => void)[] = [];
  readonly #sizeBytes: number;
  #left: number;

  constructor(count: number, sizeBytes: number) {
    this.#left = count;
    this.#sizeBytes = sizeBytes;
  }

  /** Resolves to a buffer once one is free. Page-aligned; it may hold anything. */
  async take(): Promise<Uint8Array> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#left === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#left--;
    const buffer = alignedBuffer(this.#sizeBytes);
    if (this.#sizeBytes >= HUGE_FROM_BYTES) adviseHugePages(buffer);
    return buffer;
  }

  give(buffer: Uint8Array): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#free.push(buffer);
    else waiting(buffer);
  }
}
