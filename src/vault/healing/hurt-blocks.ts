import { isLockstepError } from "#errors/errors.ts";
import type { SegmentId } from "#vault/object/ids.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import { isZeroPointer, POINTER_BYTES, segmentAt } from "#vault/segments/pointer.ts";
import { LiveSlots, SlotBits } from "#vault/tree/live-slots.ts";
import type { LiveSegment } from "#vault/tree/live-slots.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { readNodeSegment } from "#vault/tree/node-segment.ts";
import type { NodeSource } from "#vault/tree/node-segment.ts";
import { FAN_OUT, blocksBelow, levelsFor } from "#vault/tree/node.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

/** Slots of a disk that cannot be read. */
export type DamagedSlots = { readonly [Kind in SegmentKind]: LiveSlots };

/** Blocks of a tree that a damaged slot hurts. */
export type HurtBlocks = {
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly firstBlock: number;
  readonly blocks: number;
};

/**
 * Finds the tree nodes from which damage can be reached, so that walks need not go where there is none.
 *
 * One pass over the node segments, from the oldest to the newest: a node is written after all that it points to.
 *
 * @param nodes  the nodes to look at
 */
export async function findTainted(
  source: NodeSource,
  nodes: LiveSlots,
  damaged: DamagedSlots,
  signal: AbortSignal,
): Promise<LiveSlots> {
  const tainted = new LiveSlots();
  const segments = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const live of segments) {
    const found = await nodesOf(source, live, signal);
    for (const { slot, node } of found) {
      if (reaches(node, damaged, tainted)) tainted.ensure(live.id).add(slot);
    }
  }
  return tainted;
}

/** The nodes of a segment that can be read, from the lowest slot to the highest. */
async function nodesOf(
  source: NodeSource,
  live: LiveSegment,
  signal: AbortSignal,
): Promise<readonly { readonly slot: number; readonly node: Uint8Array }[]> {
  const found: { slot: number; node: Uint8Array }[] = [];
  const keep = (node: Uint8Array, slot: number): boolean => found.push({ slot, node: node.slice() }) > 0;
  await readNodeSegment(source, { live, read: new SlotBits() }, keep, false, signal);
  return found.sort((a, b) => a.slot - b.slot);
}

function reaches(node: Uint8Array, damaged: DamagedSlots, tainted: LiveSlots): boolean {
  const isLeaf = node[0] === 1;
  for (let at = 8; at + POINTER_BYTES <= node.length; at += POINTER_BYTES) {
    if (isLeaf ? damaged.data.has(node, at) : damaged.nodes.has(node, at) || tainted.has(node, at)) return true;
  }
  return false;
}

/**
 * The blocks of one tree that damage hurts, in ascending order. Goes only where damage is.
 *
 * @param tainted  from `findTainted`
 */
export async function* hurtBlocks(
  nodes: NodeReader,
  tree: TreeShape,
  damaged: DamagedSlots,
  tainted: LiveSlots,
  signal: AbortSignal,
): AsyncGenerator<HurtBlocks, undefined> {
  if (tree.root === null) return;
  const stack = [{ pointers: tree.root, at: 0, level: levelsFor(tree.blocks), firstBlock: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { pointers, at, level, firstBlock } = next;
    if (firstBlock >= tree.blocks) continue;
    const reach = blocksBelow(level + 1);
    const segment = segmentAt(pointers, at);
    const blocks = Math.min(reach, tree.blocks - firstBlock);
    if (level === 0) {
      if (damaged.data.has(pointers, at)) yield { kind: "data", segment, firstBlock, blocks };
      continue;
    }
    if (damaged.nodes.has(pointers, at)) {
      yield { kind: "nodes", segment, firstBlock, blocks };
      continue;
    }
    if (!tainted.has(pointers, at)) continue;
    let node: Uint8Array;
    try {
      node = nodes.loaded(pointers, at, level) ?? (await nodes.read(pointers, at, level, signal));
    } catch (error) {
      if (!isLockstepError(error, "BLOCK_DAMAGED", "FIELD_CORRUPT")) throw error;
      yield { kind: "nodes", segment, firstBlock, blocks };
      continue;
    }
    for (let i = FAN_OUT - 1; i >= 0; i--) {
      if (isZeroPointer(node, i * POINTER_BYTES)) continue;
      const first = firstBlock + i * blocksBelow(level);
      stack.push({ pointers: node, at: i * POINTER_BYTES, level: level - 1, firstBlock: first });
    }
  }
}
