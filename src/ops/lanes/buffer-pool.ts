import { alignedBuffer } from "#bytes/arrays.ts";
import { adviseHugePages } from "#linux/libc.ts";

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
