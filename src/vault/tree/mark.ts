import { roots } from "#vault/fold/fold-liveness.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { DiskId, SegmentId } from "#vault/object/ids.ts";
import { POINTER_BYTES, rootFromText, slotAt } from "#vault/segments/pointer.ts";
import { LiveSlots, SlotBits } from "#vault/tree/live-slots.ts";
import type { LiveSegment } from "#vault/tree/live-slots.ts";
import { readNodeSegment } from "#vault/tree/node-segment.ts";
import type { NodeSegmentRead, NodeSource, WantedNodes } from "#vault/tree/node-segment.ts";

/** What the block trees of one disk reach. */
export type DiskMarks = {
  readonly data: LiveSlots;
  readonly nodes: LiveSlots;
  /** Of each node segment that was read: its slots in all, and bytes that the live ones take. */
  readonly nodeSizes: ReadonlyMap<SegmentId, { readonly slotCount: number; readonly liveBytes: number }>;
  /** Nodes that cannot be read. What they reach is not known, so nothing of the disk may be called dead. */
  readonly unreadable: readonly NodeSegmentRead[];
};

export type MarkOptions = {
  /** Look at second copies even where nothing is missing. */
  readonly both: boolean;
  /** Told of each node segment once it was read. */
  readonly onSegment: (read: NodeSegmentRead) => void | Promise<void>;
};

const HEAD_BYTES = 8;

/**
 * Finds what block trees of one disk reach: which slots of which segments. Subtrees that they share are read once.
 *
 * A node's bytes hold the fingerprints of what it points to, so it is always written after that: its children lie in
 * segments of older sessions, in earlier segments of its own, or in lower slots of the same one, and new generations
 * move no slot. So one pass over the node segments, from the newest to the oldest and from high slots to low, meets every
 * node before it is needed, and reads each segment once as a whole, in memory of one bit a slot. A pointer that broke
 * that order would only make the pass come back to the segment.
 *
 * Does not compare nodes with the fingerprints of their pointers: their tags bind them to their place.
 *
 * @param trees  roots, 36 bytes each
 */
export async function markTrees(
  source: NodeSource,
  trees: Iterable<Uint8Array>,
  options: MarkOptions,
  signal: AbortSignal,
): Promise<DiskMarks> {
  const data = new LiveSlots();
  const nodes = new LiveSlots();
  const pending = new PendingSegments();
  const nodeSizes = new Map<SegmentId, { slotCount: number; liveBytes: number }>();
  const unreadable: NodeSegmentRead[] = [];

  const reachNode = (pointers: Uint8Array, at: number): void => {
    const segment = nodes.at(pointers, at);
    if (segment.slots.add(slotAt(pointers, at))) pending.add(segment);
  };
  const visit = (node: Uint8Array): boolean => {
    if (node.length < HEAD_BYTES || (node.length - HEAD_BYTES) % POINTER_BYTES !== 0) return false;
    const isLeaf = node[0] === 1;
    for (let at = HEAD_BYTES; at < node.length; at += POINTER_BYTES) {
      if (isLeaf) data.at(node, at).slots.add(slotAt(node, at));
      else reachNode(node, at);
    }
    return true;
  };

  for (const root of trees) reachNode(root, 0);
  for (let next = pending.takeNewest(); next !== null; next = pending.takeNewest()) {
    const read = await readNodeSegment(source, next, visit, options.both, signal);
    const before = nodeSizes.get(read.segment)?.liveBytes ?? 0;
    nodeSizes.set(read.segment, { slotCount: read.slotCount, liveBytes: before + read.storedBytes });
    if (read.lost.length > 0) unreadable.push(read);
    await options.onSegment(read);
  }
  return { data, nodes, nodeSizes, unreadable };
}

/** What is live at one prefix of a machine's log. */
export type Liveness = {
  readonly fold: Fold;
  /** By disk; a disk that is not in it has nothing that lives. */
  readonly disks: ReadonlyMap<DiskId, DiskMarks>;
};

/**
 * Marks all trees that must stay readable. Where a tree cannot be read and the log went on meanwhile, it is done again:
 * what was missed may have been purged and deleted.
 *
 * @param view  what to mark by, made from the log's fold: that itself, or what it will be
 */
export async function markLive(
  source: Omit<NodeSource, "disk">,
  view: (fold: Fold) => Fold,
  options: MarkOptions,
  signal: AbortSignal,
): Promise<Liveness> {
  for (;;) {
    const known = source.log.fold;
    const fold = view(known);
    const disks = new Map<DiskId, DiskMarks>();
    for (const [disk, trees] of treesOf(fold)) {
      disks.set(disk, await markTrees({ ...source, disk }, trees, options, signal));
    }
    const isWhole = [...disks.values()].every(({ unreadable }) => unreadable.length === 0);
    if (isWhole || source.log.fold === known) return { fold, disks };
  }
}

function treesOf(fold: Fold): ReadonlyMap<DiskId, readonly Uint8Array[]> {
  const trees = new Map<DiskId, Uint8Array[]>();
  for (const { disk, root } of roots(fold)) {
    const pointer = rootFromText(root);
    if (pointer === null) continue;
    const ofDisk = trees.get(disk);
    if (ofDisk === undefined) trees.set(disk, [pointer]);
    else ofDisk.push(pointer);
  }
  return trees;
}

/** Node segments that have live slots which were not read, in the order of their names. */
class PendingSegments {
  readonly #sorted: LiveSegment[] = [];
  readonly #waiting = new Set<LiveSegment>();
  readonly #read = new Map<LiveSegment, SlotBits>();
  #current: LiveSegment | null = null;

  add(segment: LiveSegment): void {
    if (segment === this.#current || this.#waiting.has(segment)) return;
    this.#waiting.add(segment);
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.id ?? "") < segment.id) low = middle + 1;
      else high = middle;
    }
    this.#sorted.splice(low, 0, segment);
  }

  takeNewest(): WantedNodes | null {
    const live = this.#sorted.pop() ?? null;
    this.#current = live;
    if (live === null) return null;
    this.#waiting.delete(live);
    const read = this.#read.get(live) ?? new SlotBits();
    this.#read.set(live, read);
    return { live, read };
  }
}
