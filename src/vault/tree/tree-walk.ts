import { isLockstepError } from "#errors/errors.ts";
import { isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { FAN_OUT, blocksBelow, levelsFor } from "#vault/tree/node.ts";

/** A block tree: its root, and how many blocks the disk has. */
export type TreeShape = {
  /** 36 bytes; null for a disk of zeros. */
  readonly root: Uint8Array | null;
  readonly blocks: number;
};

/** A leaf: pointers of `FAN_OUT` blocks from `firstBlock` on, those of zeros as zeros. */
export type Leaf = { readonly firstBlock: number; readonly pointers: Uint8Array };

/**
 * The leaves of a tree in order, those of nothing but zeros left out.
 *
 * @param from  first block wanted; leaves that lie before it are skipped without being read
 * @param to    block to stop before
 * @param onDamage  called for a damaged subtree instead of throwing, with the blocks that it covers; the walk goes on
 * @throws {LockstepError} BLOCK_DAMAGED, FIELD_CORRUPT: see `onDamage`; and what is no damage, such as a store that does
 *   not answer
 */
export async function* walkLeaves(
  nodes: NodeReader,
  tree: TreeShape,
  range: { readonly from: number; readonly to: number },
  signal: AbortSignal,
  onDamage?: (error: unknown, firstBlock: number, blocks: number) => void,
): AsyncGenerator<Leaf> {
  if (tree.root === null) return;
  const to = Math.min(range.to, tree.blocks);
  const levels = levelsFor(tree.blocks);
  const stack = [{ pointers: tree.root, at: 0, level: levels, firstBlock: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { pointers, at, level, firstBlock } = next;
    const below = blocksBelow(level);
    let node: Uint8Array;
    try {
      node = nodes.loaded(pointers, at, level) ?? (await nodes.read(pointers, at, level, signal));
    } catch (error) {
      if (onDamage === undefined || !isLockstepError(error, "BLOCK_DAMAGED", "FIELD_CORRUPT")) throw error;
      onDamage(error, firstBlock, below * FAN_OUT);
      continue;
    }
    if (level === 1) {
      yield { firstBlock, pointers: node };
      continue;
    }
    for (let i = FAN_OUT - 1; i >= 0; i--) {
      const first = firstBlock + i * below;
      if (first + below <= range.from || first >= to || isZeroPointer(node, i * POINTER_BYTES)) continue;
      stack.push({ pointers: node, at: i * POINTER_BYTES, level: level - 1, firstBlock: first });
    }
  }
}
