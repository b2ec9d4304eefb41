import { equalBytes } from "#bytes/arrays.ts";
import { fingerprintAt, flagsAt, isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { blocksBelow, FAN_OUT, levelsFor } from "#vault/tree/node.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

/** Blocks that follow one another. */
export type BlockRange = { readonly firstBlock: number; readonly blocks: number };

/** A subtree, named by its pointer; null for nothing but zeros. */
type Subtree = { readonly pointers: Uint8Array; readonly at: number; readonly level: number } | null;

type Pair = { readonly a: Subtree; readonly b: Subtree; readonly level: number; readonly firstBlock: number };

/**
 * The blocks in which two trees of one disk differ, in order, not touching. What both share is never read: a subtree
 * with the same fingerprint holds the same pointers, wherever it lies.
 *
 * Blocks that one of the trees does not have count as zeros there. A block whose content is the same and which only one
 * of the two could read in full counts as different.
 *
 * @param nodes  reads nodes of that disk, of both points
 * @throws {DamageError} BLOCK_DAMAGED: a node that differs cannot be read
 */
export async function* diffTrees(
  nodes: NodeReader,
  a: TreeShape,
  b: TreeShape,
  signal: AbortSignal,
): AsyncGenerator<BlockRange> {
  let pending: BlockRange | null = null;
  for await (const leaf of differingLeaves(nodes, a, b, signal)) {
    for (let i = 0; i < FAN_OUT; i++) {
      if (sameContent(leaf.a, leaf.b, i * POINTER_BYTES)) continue;
      const block = leaf.firstBlock + i;
      if (pending !== null && pending.firstBlock + pending.blocks === block) {
        pending = { firstBlock: pending.firstBlock, blocks: pending.blocks + 1 };
      } else {
        if (pending !== null) yield pending;
        pending = { firstBlock: block, blocks: 1 };
      }
    }
  }
  if (pending !== null) yield pending;
}

/** Leaves that differ, with the pointers of either side; zeros for a side that has none. */
async function* differingLeaves(
  nodes: NodeReader,
  a: TreeShape,
  b: TreeShape,
  signal: AbortSignal,
): AsyncGenerator<{ readonly firstBlock: number; readonly a: Uint8Array; readonly b: Uint8Array }> {
  const level = Math.max(levelsFor(a.blocks), levelsFor(b.blocks));
  const stack: Pair[] = [{ a: rootOf(a), b: rootOf(b), level, firstBlock: 0 }];
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    if (isShared(pair)) continue;
    const [left, right] = [
      await childrenOf(nodes, pair.a, pair.level, signal),
      await childrenOf(nodes, pair.b, pair.level, signal),
    ];
    if (pair.level === 1) {
      yield { firstBlock: pair.firstBlock, a: left.pointers, b: right.pointers };
      continue;
    }
    for (let i = FAN_OUT - 1; i >= 0; i--) {
      const firstBlock = pair.firstBlock + i * blocksBelow(pair.level);
      stack.push({ a: left.at(i), b: right.at(i), level: pair.level - 1, firstBlock });
    }
  }
}

function rootOf(tree: TreeShape): Subtree {
  return tree.root === null ? null : { pointers: tree.root, at: 0, level: levelsFor(tree.blocks) };
}

function isShared({ a, b }: Pair): boolean {
  if (a === null || b === null) return a === b;
  return a.level === b.level && equalBytes(fingerprintAt(a.pointers, a.at), fingerprintAt(b.pointers, b.at));
}

type Children = { readonly pointers: Uint8Array; at(index: number): Subtree };

const noPointers = new Uint8Array(FAN_OUT * POINTER_BYTES);
const noChildren: Children = { pointers: noPointers, at: () => null };

/** What is below a subtree seen from `level`; a lower tree is the first child of every level that it does not have. */
async function childrenOf(nodes: NodeReader, tree: Subtree, level: number, signal: AbortSignal): Promise<Children> {
  if (tree === null) return noChildren;
  if (tree.level < level) return { pointers: noPointers, at: (index) => (index === 0 ? tree : null) };
  const pointers =
    nodes.loaded(tree.pointers, tree.at, level) ?? (await nodes.read(tree.pointers, tree.at, level, signal));
  return {
    pointers,
    at: (index) => {
      const at = index * POINTER_BYTES;
      return isZeroPointer(pointers, at) ? null : { pointers, at, level: level - 1 };
    },
  };
}

function sameContent(a: Uint8Array, b: Uint8Array, at: number): boolean {
  if (isZeroPointer(a, at) || isZeroPointer(b, at)) return isZeroPointer(a, at) && isZeroPointer(b, at);
  return flagsAt(a, at) === flagsAt(b, at) && equalBytes(fingerprintAt(a, at), fingerprintAt(b, at));
}
