/** Blocks that are put together in memory before they are written: one after the other, whatever lies between them. */
export class RestoreWindow {
  /** Where the blocks go. */
  readonly buffer: Uint8Array;
  readonly #blocks: readonly number[];
  readonly #indexOf = new Map<number, number>();
  readonly #blockBytes: number;
  /** Bytes of each block that was placed. */
  readonly #lengths: Uint32Array;

  /**
   * @param blocks  ascending
   * @param buffer  room for the blocks; it may hold anything
   */
  constructor(blocks: readonly number[], blockBytes: number, buffer: Uint8Array) {
    this.buffer = buffer;
    this.#blocks = blocks;
    this.#blockBytes = blockBytes;
    this.#lengths = new Uint32Array(blocks.length);
    for (const [index, block] of blocks.entries()) this.#indexOf.set(block, index);
  }

  /** Where in the buffer a block's bytes go. */
  place(block: number, lengthBytes: number): number {
    const index = this.#indexOf.get(block) ?? 0;
    this.#lengths[index] = lengthBytes;
    return index * this.#blockBytes;
  }

  /** The blocks' bytes, those of neighbours on the disk together. @param mostBytes  the longest run */
  *runs(mostBytes: number): Generator<{ readonly offsetBytes: number; readonly bytes: Uint8Array }> {
    const most = Math.max(1, Math.floor(mostBytes / this.#blockBytes));
    for (let from = 0; from < this.#blocks.length;) {
      let to = from + 1;
      while (to - from < most && this.#follows(to)) to++;
      const end = (to - 1) * this.#blockBytes + (this.#lengths[to - 1] ?? 0);
      const offsetBytes = (this.#blocks[from] ?? 0) * this.#blockBytes;
      yield { offsetBytes, bytes: this.buffer.subarray(from * this.#blockBytes, end) };
      from = to;
    }
  }

  /** Whether a block's first byte comes right after the last one of the block before it, here and on the disk. */
  #follows(index: number): boolean {
    const isNeighbour = this.#blocks[index] === (this.#blocks[index - 1] ?? 0) + 1;
    return isNeighbour && this.#lengths[index - 1] === this.#blockBytes;
  }
}
