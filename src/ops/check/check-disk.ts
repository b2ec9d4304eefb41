import { LockstepError } from "#errors/errors.ts";
import type { SlotRanges } from "#vault/entry/entry.ts";
import { hasSlot } from "#vault/fold/fold-slots.ts";
import { currentGeneration, segmentKey } from "#vault/fold/fold.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { checkDataSegment } from "#vault/healing/data-check.ts";
import { findTainted, hurtBlocks } from "#vault/healing/hurt-blocks.ts";
import type { HurtBlocks } from "#vault/healing/hurt-blocks.ts";
import { repaired } from "#vault/healing/twin-objects.ts";
import type { TwinFault } from "#vault/healing/twin-objects.ts";
import { rangesOf } from "#vault/log/damage-log.ts";
import type { Log } from "#vault/log/log.ts";
import type { DiskId, GenerationId, SegmentId } from "#vault/object/ids.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import { rootToText } from "#vault/segments/pointer.ts";
import { LiveSlots } from "#vault/tree/live-slots.ts";
import { markTrees } from "#vault/tree/mark.ts";
import type { DiskMarks } from "#vault/tree/mark.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import type { NodeSegmentRead, NodeSource } from "#vault/tree/node-segment.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** A tree to check: of a point, or of the open backup session. */
export type CheckedTree = {
  readonly root: Uint8Array;
  readonly sizeBytes: number;
  readonly point: PointState | null;
};

/** A segment with damage, and what that hurts. */
export type HurtSegment = {
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly generation: GenerationId;
  readonly slots: SlotRanges;
  readonly why: string;
  readonly known: boolean;
  readonly hurts: readonly (HurtBlocks & { readonly tree: CheckedTree })[];
};

/** Slots that the log calls damaged and that read well. */
export type ReadableSlots = { readonly kind: SegmentKind; readonly segment: SegmentId; readonly slots: SlotRanges };

type Bad = { generation: GenerationId; slots: Set<number>; why: string; known: boolean };

type Work = {
  readonly vault: Vault;
  readonly log: Log;
  readonly disk: DiskId;
  readonly trees: readonly CheckedTree[];
};

type Options = {
  readonly repair: boolean;
  readonly unreadIsDamage?: boolean;
  readonly progress: (step: { phase: "trees" | "data"; done: number; of: number | null }) => void;
};

/** One disk of a machine while it is being checked. */
export class CheckedDisk {
  readonly disk: DiskId;
  readonly marks: DiskMarks;
  readonly blockBytes: number;
  readonly copies: TwinFault[];
  readonly unread: string[] = [];
  readonly readable: ReadableSlots[] = [];
  readBytes = 0;
  readonly #work: Work;
  readonly #source: NodeSource;
  readonly #bad = { data: new Map<SegmentId, Bad>(), nodes: new Map<SegmentId, Bad>() };

  private constructor(work: Work, source: NodeSource, marks: DiskMarks, copies: TwinFault[], blockBytes: number) {
    this.#work = work;
    this.#source = source;
    this.disk = work.disk;
    this.marks = marks;
    this.copies = copies;
    this.blockBytes = blockBytes;
    for (const read of marks.unreadable) {
      if (read.certain) this.#note("nodes", read.segment, { ...read, bad: read.lost });
      else this.unread.push(read.why);
    }
    this.#takeKnown("nodes", (segment) => marks.nodeSizes.has(segment));
  }

  /** Reads all of the disk's trees, every node of them, and looks at their second copies. */
  static async read(work: Work, { repair, progress }: Options, signal: AbortSignal): Promise<CheckedDisk> {
    const { vault, log, disk, trees } = work;
    const { store, keyring } = vault;
    const definition = log.fold.machine.disks.find(({ id }) => id === disk);
    if (definition === undefined) {
      throw new LockstepError(
        "LOG_CORRUPT",
        `Machine ${log.fold.machine.name} has a point of disk ${disk}, which it does not have.`,
      );
    }
    const source: NodeSource = { store, keys: keyring.keys, machine: log.machine, disk, log };
    const copies: TwinFault[] = [];
    let segments = 0;
    const marks = await markTrees(
      source,
      trees.map(({ root }) => root),
      {
        both: store.traits.singleDisk,
        onSegment: async (read) => {
          progress({ phase: "trees", done: ++segments, of: null });
          copies.push(...(await twinFaults(vault, read, repair, signal)));
        },
      },
      signal,
    );
    const unread = copies.filter(({ what }) => what === "unread");
    const certain = copies.filter(({ what }) => what !== "unread");
    const checked = new CheckedDisk(work, source, marks, certain, definition.blockBytes);
    checked.unread.push(...unread.map(({ why }) => why));
    return checked;
  }

  /**
   * Looks at every data segment that the trees reach, in the order of their names.
   *
   * @param isRead  whether to read the blocks of a segment too
   */
  async checkData(
    isRead: (segment: SegmentId) => boolean,
    { progress, unreadIsDamage = false }: Options,
    signal: AbortSignal,
  ): Promise<void> {
    const segments = [...this.marks.data].sort((a, b) => (a.id < b.id ? -1 : 1));
    const read = new Set<SegmentId>();
    for (const [index, live] of segments.entries()) {
      const depth = { read: isRead(live.id), unreadIsBad: unreadIsDamage };
      const finding = await checkDataSegment(this.#source, live, depth, signal);
      progress({ phase: "data", done: index + 1, of: segments.length });
      this.readBytes += finding.readBytes;
      if (finding.bad.length > 0) this.#note("data", live.id, finding);
      if (finding.unread.length > 0) this.unread.push(finding.why);
      else if (isRead(live.id)) read.add(live.id);
    }
    this.#takeKnown("data", (segment) => read.has(segment));
  }

  /**
   * Says what the damage hurts. Damage that hurts nothing any more, since the points were purged meanwhile, is left out.
   */
  async locate(signal: AbortSignal): Promise<readonly HurtSegment[]> {
    if (this.#bad.data.size + this.#bad.nodes.size === 0) return [];
    const { vault, log, trees } = this.#work;
    const damaged = { data: slotsOf(this.#bad.data), nodes: slotsOf(this.#bad.nodes) };
    const tainted = await findTainted(this.#source, this.marks.nodes, damaged, signal);
    const nodes = new NodeReader(segmentReader(vault, log, null), this.#source.keys, this.disk);
    const fold = await log.read(signal);
    const open = new Set(
      [fold.backup?.adopted, fold.backup?.checkpoint].flatMap((part) => part?.disks.map(({ root }) => root) ?? []),
    );
    const hurts = { data: new Map<SegmentId, Hurts>(), nodes: new Map<SegmentId, Hurts>() };
    for (const tree of trees) {
      if (tree.point === null ? !open.has(rootToText(tree.root)) : !fold.points.has(tree.point.point)) continue;
      const shape = { root: tree.root, blocks: Math.ceil(tree.sizeBytes / this.blockBytes) };
      for await (const found of hurtBlocks(nodes, shape, damaged, tainted, signal)) {
        const ofSegment = hurts[found.kind].get(found.segment) ?? [];
        ofSegment.push({ ...found, tree });
        hurts[found.kind].set(found.segment, ofSegment);
      }
    }
    return (["nodes", "data"] as const).flatMap((kind) =>
      [...this.#bad[kind]].flatMap(([segment, { generation, slots, why, known }]) => {
        const ofSegment = hurts[kind].get(segment);
        if (ofSegment === undefined) return [];
        return [{ kind, segment, generation, slots: rangesOf([...slots]), why, known, hurts: ofSegment }];
      }),
    );
  }

  #note(
    kind: SegmentKind,
    segment: SegmentId,
    { generation, bad, why }: { generation: GenerationId; bad: readonly number[]; why: string },
  ): void {
    const known = this.#work.log.fold.damaged.get(segmentKey(this.disk, kind, segment)) ?? [];
    const isKnown = bad.every((slot) => hasSlot(known, slot));
    this.#bad[kind].set(segment, { generation, slots: new Set(bad), why, known: isKnown });
  }

  /** Adds what the log calls damaged: it is, unless it was just read. */
  #takeKnown(kind: SegmentKind, wasRead: (segment: SegmentId) => boolean): void {
    const { fold } = this.#work.log;
    if (fold.damaged.size === 0) return;
    for (const { id: segment, slots: live } of this.marks[kind]) {
      const known = fold.damaged.get(segmentKey(this.disk, kind, segment));
      if (known === undefined) continue;
      const found = this.#bad[kind].get(segment);
      const others = [...live].filter((slot) => hasSlot(known, slot) && found?.slots.has(slot) !== true);
      if (others.length === 0) continue;
      if (wasRead(segment)) {
        this.readable.push({ kind, segment, slots: rangesOf(others) });
        continue;
      }
      const generation = currentGeneration(fold, this.disk, kind, segment);
      const bad = found ?? { generation, slots: new Set(), why: "the log calls it damaged", known: true };
      for (const slot of others) bad.slots.add(slot);
      this.#bad[kind].set(segment, bad);
    }
  }
}

type Hurts = (HurtBlocks & { readonly tree: CheckedTree })[];

function slotsOf(bad: ReadonlyMap<SegmentId, Bad>): LiveSlots {
  const slots = new LiveSlots();
  for (const [segment, { slots: ofSegment }] of bad) {
    const bits = slots.ensure(segment);
    for (const slot of ofSegment) bits.add(slot);
  }
  return slots;
}

/** What is wrong with one of a node segment's two places while the other is right; put back where it is missing. */
async function twinFaults(
  vault: Vault,
  { places }: NodeSegmentRead,
  repair: boolean,
  signal: AbortSignal,
): Promise<readonly TwinFault[]> {
  const right = places.find(({ fault, bytes }) => fault === null && bytes !== null);
  const faults: TwinFault[] = [];
  for (const { key, fault } of places) {
    if (fault === null) continue;
    const found = { key, ...fault, repaired: false };
    const isNeeded = vault.store.traits.singleDisk || key === places[0]?.key;
    if (!isNeeded || (right === undefined && fault.what !== "unread")) continue;
    faults.push(repair && right?.bytes ? await repaired(vault, found, right.bytes, signal) : found);
  }
  return faults;
}
