import { isLockstepError, LockstepError } from "#errors/errors.ts";
import { isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import type { NodeWriter } from "#vault/tree/node-writer.ts";
import { FAN_OUT, NODE_BYTES, blocksBelow, levelsFor } from "#vault/tree/node.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

/** A node on the path to the place where the update is. */
type OpenNode = {
  readonly level: number;
  readonly firstBlock: number;
  readonly pointers: Uint8Array;
  changed: boolean;
};

const ZERO = new Uint8Array(POINTER_BYTES);

/**
 * Makes a new tree from an old one and changes that come in ascending order of blocks. Only the path to the current
 * place is in memory; what is behind it has been given to the node writer, and unchanged subtrees keep their nodes.
 */
export class TreeUpdate {
  readonly #nodes: NodeReader;
  readonly #writer: NodeWriter;
  readonly #blocks: number;
  readonly #levels: number;
  readonly #root = new Uint8Array(POINTER_BYTES);
  readonly #path: OpenNode[] = []; // the top first
  readonly #replacesDamage: boolean;
  #next = 0;

  private constructor(nodes: NodeReader, writer: NodeWriter, blocks: number, replacesDamage: boolean) {
    this.#nodes = nodes;
    this.#writer = writer;
    this.#blocks = blocks;
    this.#levels = levelsFor(blocks);
    this.#replacesDamage = replacesDamage;
  }

  /**
   * @param from.old     the tree to start from; it may be of another size: for a disk that grew levels are added, of one
   *                that shrank only what is left is taken over
   * @param from.blocks  blocks of the new tree
   * @param from.replacesDamage  an old node that cannot be read counts as empty: right only for a caller who sets every
   *                block below it anew
   * @throws {DamageError} BLOCK_DAMAGED: an old node cannot be read (also from the methods below)
   */
  static async open(
    from: { nodes: NodeReader; writer: NodeWriter; old: TreeShape; blocks: number; replacesDamage: boolean },
    signal: AbortSignal,
  ): Promise<TreeUpdate> {
    const update = new TreeUpdate(from.nodes, from.writer, from.blocks, from.replacesDamage);
    if (from.old.root !== null) {
      await update.#adopt(from.old.root, levelsFor(from.old.blocks), signal);
      if (from.blocks < from.old.blocks) await update.#cut(signal);
    }
    return update;
  }

  /**
   * Sets one block.
   *
   * @param block     after every block set before
   * @param pointers  36 bytes from `at` on are copied; zeros say that the block is zeros
   */
  async set(block: number, pointers: Uint8Array, at: number, signal: AbortSignal): Promise<void> {
    this.#advance(block, 1);
    let leaf = this.#path.at(-1);
    if (leaf?.level !== 1 || block >= leaf.firstBlock + FAN_OUT) {
      if (isZeroPointer(pointers, at)) {
        const there = await this.#descend(block, 1, signal);
        if (there === null) return;
        leaf = there;
      } else {
        leaf = await this.#create(block, 1, signal);
      }
    }
    setChild(leaf, block - leaf.firstBlock, pointers, at);
  }

  /** Sets `count` blocks to zeros; whole subtrees are dropped without being read. */
  async setZeros(first: number, count: number, signal: AbortSignal): Promise<void> {
    this.#advance(first, count);
    const end = first + count;
    for (let block = first; block < end;) {
      let level = 1; // the highest whose pointer covers nothing but this range
      while (level < this.#levels && block % blocksBelow(level + 1) === 0 && block + blocksBelow(level + 1) <= end)
        level++;
      const node = await this.#descend(block, level, signal);
      if (node !== null) setChild(node, (block - node.firstBlock) / blocksBelow(level), ZERO, 0);
      block += blocksBelow(level);
    }
  }

  /** Writes what is open and returns the root as of now; the update can go on. Does not flush the node writer. */
  snapshot(): Uint8Array | null {
    for (let depth = this.#path.length - 1; depth >= 0; depth--) this.#write(depth);
    return isZeroPointer(this.#root, 0) ? null : this.#root.slice();
  }

  #advance(first: number, count: number): void {
    if (first < this.#next || first + count > this.#blocks) {
      throw new LockstepError(
        "ARGUMENT_INVALID",
        `block ${first} does not follow ${this.#next} in a tree of ${this.#blocks}`,
      );
    }
    this.#next = first + count;
  }

  /** Takes a root of `oldLevels` levels over as one of ours. */
  async #adopt(root: Uint8Array, oldLevels: number, signal: AbortSignal): Promise<void> {
    if (oldLevels < this.#levels) {
      // The levels above are open nodes that will be written: the nodes on the way to block 0.
      for (let level = this.#levels; level > oldLevels; level--) {
        this.#path.push({
          level,
          firstBlock: 0,
          pointers: new Uint8Array(NODE_BYTES),
          changed: level === oldLevels + 1,
        });
      }
      this.#path.at(-1)?.pointers.set(root, 0);
      return;
    }
    this.#root.set(root);
    for (let level = oldLevels; level > this.#levels && !isZeroPointer(this.#root, 0); level--) {
      this.#root.set((await this.#read(this.#root, 0, level, signal)).subarray(0, POINTER_BYTES));
    }
  }

  /** Drops what lies behind the last block. */
  async #cut(signal: AbortSignal): Promise<void> {
    await this.#descend(this.#blocks - 1, 1, signal);
    for (const node of this.#path) {
      const last = Math.floor((this.#blocks - 1 - node.firstBlock) / blocksBelow(node.level));
      for (let i = last + 1; i < FAN_OUT; i++) setChild(node, i, ZERO, 0);
    }
    while (this.#path.length > 0) this.#close();
    await this.#writer.flush(); // they may be read again
  }

  /** The node of `level` over `block`, made where there is none. */
  async #create(block: number, level: number, signal: AbortSignal): Promise<OpenNode> {
    const there = await this.#descend(block, level, signal);
    if (there !== null) return there;
    let node = this.#path.at(-1);
    while (node?.level !== level) {
      const below = node === undefined ? this.#levels : node.level - 1;
      const reach = blocksBelow(below) * FAN_OUT;
      const firstBlock = Math.floor(block / reach) * reach;
      node = { level: below, firstBlock, pointers: new Uint8Array(NODE_BYTES), changed: false };
      this.#path.push(node);
    }
    return node;
  }

  /** The node of `level` over `block`; null when a pointer above it stands for zeros (the path then ends there). */
  async #descend(block: number, level: number, signal: AbortSignal): Promise<OpenNode | null> {
    for (let node = this.#path.at(-1); node !== undefined; node = this.#path.at(-1)) {
      if (node.level >= level && block < node.firstBlock + blocksBelow(node.level) * FAN_OUT) break;
      this.#close();
    }
    if (this.#writer.isBusy) await this.#writer.drain(signal);
    for (;;) {
      const node = this.#path.at(-1);
      if (node?.level === level) return node;
      const below = node === undefined ? this.#levels : node.level - 1;
      const reach = blocksBelow(below) * FAN_OUT;
      const firstBlock = Math.floor(block / reach) * reach;
      const from = node?.pointers ?? this.#root;
      const at = node === undefined ? 0 : ((firstBlock - node.firstBlock) / reach) * POINTER_BYTES;
      if (isZeroPointer(from, at)) return null;
      this.#path.push(await this.#openChild(from, at, below, firstBlock, signal));
    }
  }

  async #openChild(
    from: Uint8Array,
    at: number,
    level: number,
    firstBlock: number,
    signal: AbortSignal,
  ): Promise<OpenNode> {
    try {
      return { level, firstBlock, pointers: await this.#read(from, at, level, signal), changed: false };
    } catch (error) {
      if (!this.#replacesDamage || !isLockstepError(error, "BLOCK_DAMAGED", "FIELD_CORRUPT")) throw error;
      return { level, firstBlock, pointers: new Uint8Array(NODE_BYTES), changed: true };
    }
  }

  async #read(from: Uint8Array, at: number, level: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#nodes.loaded(from, at, level) ?? (await this.#nodes.read(from, at, level, signal));
  }

  #close(): void {
    this.#write(this.#path.length - 1);
    this.#path.pop();
  }

  /** Gives a changed node to the writer and notes its new pointer one level up. */
  #write(depth: number): void {
    const node = this.#path[depth];
    if (node === undefined || !node.changed) return;
    node.changed = false;
    const pointer = this.#writer.add(node.level, node.pointers);
    const above = this.#path[depth - 1];
    if (above === undefined) this.#root.set(pointer);
    else setChild(above, (node.firstBlock - above.firstBlock) / blocksBelow(above.level), pointer, 0);
  }
}

function setChild(node: OpenNode, index: number, pointers: Uint8Array, at: number): void {
  const to = index * POINTER_BYTES;
  for (let i = 0; i < POINTER_BYTES; i++) {
    if (node.pointers[to + i] === pointers[at + i]) continue;
    node.pointers.set(pointers.subarray(at, at + POINTER_BYTES), to);
    node.changed = true;
    return;
  }
}
