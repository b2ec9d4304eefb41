import { POINTER_BYTES } from "#vault/segments/pointer.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { FAN_OUT } from "#vault/tree/node.ts";
import { walkLeaves } from "#vault/tree/tree-walk.ts";
import type { Leaf, TreeShape } from "#vault/tree/tree-walk.ts";

/** What stands for a block whose pointer cannot be read: equal to no block's, and not zeros. */
const UNKNOWN = new Uint8Array(POINTER_BYTES).fill(0xff);

/** Pointers of a run of blocks. */
export type PointerRun = {
  /** Packed; zeros for blocks of zeros and for blocks that the tree does not have. */
  readonly pointers: Uint8Array;
  /** Some are unknown since nodes of the tree cannot be read: what they say differs from any block. */
  readonly damaged: boolean;
};

/** Reads the pointers of a tree's blocks, run after run; fast when the runs follow one another. */
export class PointerCursor {
  readonly #nodes: NodeReader;
  readonly #tree: TreeShape;
  #leaves: AsyncGenerator<Leaf> | null = null;
  #ahead: Leaf | null = null;
  #at = -1;
  #lost: { first: number; end: number }[] = [];

  constructor(nodes: NodeReader, tree: TreeShape) {
    this.#nodes = nodes;
    this.#tree = tree;
  }

  async read(first: number, count: number, signal: AbortSignal): Promise<PointerRun> {
    const pointers = new Uint8Array(count * POINTER_BYTES);
    const end = first + count;
    if (this.#leaves === null || first !== this.#at) await this.#seek(first, signal);
    while (this.#ahead !== null && this.#ahead.firstBlock < end) {
      const leaf = this.#ahead;
      const from = Math.max(first, leaf.firstBlock);
      const to = Math.min(end, leaf.firstBlock + FAN_OUT, this.#tree.blocks);
      if (to > from) {
        const part = leaf.pointers.subarray(
          (from - leaf.firstBlock) * POINTER_BYTES,
          (to - leaf.firstBlock) * POINTER_BYTES,
        );
        pointers.set(part, (from - first) * POINTER_BYTES);
      }
      if (leaf.firstBlock + FAN_OUT > end) break; // the next run begins in this leaf
      await this.#next();
    }
    this.#at = end;
    return { pointers, damaged: this.#markLost(pointers, first, end) };
  }

  async #seek(first: number, signal: AbortSignal): Promise<void> {
    const range = { from: first, to: this.#tree.blocks };
    this.#lost = [];
    this.#leaves = walkLeaves(this.#nodes, this.#tree, range, signal, (_error, block, blocks) =>
      this.#lost.push({ first: block, end: block + blocks }),
    );
    await this.#next();
  }

  async #next(): Promise<void> {
    const result = await this.#leaves?.next();
    this.#ahead = result?.done === false ? result.value : null;
  }

  #markLost(pointers: Uint8Array, first: number, end: number): boolean {
    let damaged = false;
    for (const lost of this.#lost) {
      for (let block = Math.max(first, lost.first); block < Math.min(end, lost.end, this.#tree.blocks); block++) {
        pointers.set(UNKNOWN, (block - first) * POINTER_BYTES);
        damaged = true;
      }
    }
    return damaged;
  }
}
