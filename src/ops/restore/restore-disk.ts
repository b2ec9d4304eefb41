import type { DiskTarget } from "#disk/contract.ts";
import { forEachBounded } from "#ops/lanes/bounded.ts";
import { BufferPool } from "#ops/lanes/buffer-pool.ts";
import type { Lanes } from "#ops/lanes/lanes.ts";
import { findDifferences } from "#ops/restore/find-differences.ts";
import { batchesOf, bySegment, isDense, joined } from "#ops/restore/restore-batches.ts";
import type { PlacedRun } from "#ops/restore/restore-batches.ts";
import { blocksDamaged, rangeOfBlocks, treeDamaged, wrongLength } from "#ops/restore/restore-damage.ts";
import { RestoreWindow } from "#ops/restore/restore-window.ts";
import type { DiskId } from "#vault/object/ids.ts";
import { flagsAt, FLAG_UNREADABLE, isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import { ReadPlan } from "#vault/segments/read-plan.ts";
import type { ReadRun } from "#vault/segments/read-plan.ts";
import { DamageError } from "#vault/segments/segment-reader.ts";
import type { SegmentReader } from "#vault/segments/segment-reader.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

/** A disk of a point, which is restored. */
export type StoredDisk = {
  readonly disk: DiskId;
  readonly name: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly tree: TreeShape;
};

export type RestoreDiskOptions = {
  /** Null: everything is written. Else only blocks that differ are, found by these lanes (already told of the disk). */
  readonly compare: Lanes | null;
  /** `RESTORE_WINDOW_BYTES`, unless the disk is small. */
  readonly windowBytes: number;
  /** Bytes of the disk that are done, written or found to be right. */
  readonly progress: (bytes: number) => void;
};

export type RestoredDisk = {
  /** Bytes written, zeros included. */
  readonly writtenBytes: number;
  /** Bytes that were made a hole or written as zeros. */
  readonly zeroedBytes: number;
  /** Bytes in blocks that the source could not read in full when the point was taken. */
  readonly incompleteBytes: number;
};

/** How much is put together in memory before it is written; at the most twice as much is used. */
export const RESTORE_WINDOW_BYTES = 72 * 1024 * 1024;
/** So many blocks are compared while those before them are restored; few, since nothing is compared beside the last ones. */
const COMPARED_BLOCKS = 4096;
/** So many windows are planned while those before them are restored. */
const PLANNED_WINDOWS = 4;
const WINDOWS = 2;
const RUN_BYTES = 8 * 1024 * 1024;
/** The most bytes that one job reads for a window, in many small reads. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** So many, that no lane waits for the main thread; they take memory only where `readLent` cannot serve. */
const JOBS_AT_ONCE = 16;
const READ_BUFFERS = 6;
/** Reads of one such job at the same time. */
const READS_AT_ONCE = 8;
const WRITES_AT_ONCE = 4;
/** Unwanted slots that cost less to read along than another read would. */
const GAP_SLOTS = 16;

type RestoreDeps = { readonly segments: SegmentReader; readonly nodes: NodeReader; readonly target: DiskTarget };

/** Blocks that follow one another: their pointers, packed, and which of them to write; null: all. */
type Chunk = { readonly first: number; readonly pointers: Uint8Array; readonly wanted: ReadonlySet<number> | null };
/** What is read into one buffer: a run that is written by itself, or several for a window. */
type Job = { readonly dense: ReadRun } | { readonly runs: readonly PlacedRun[]; readonly open: OpenWindow };
type OpenWindow = { readonly window: RestoreWindow; jobsLeft: number; failed: boolean };

/**
 * Writes a disk of a point to a target, window by window. Its blocks are read segment by segment, whatever order
 * they have on the disk: what a backup wrote together lies together. Where many neighbours on the disk are neighbours in a
 * segment, they are written from where they were read to; the others are put together first, so that an aged disk is
 * written in large pieces, too. Does not flush the target.
 *
 * @throws {LockstepError} BLOCK_DAMAGED, naming the bytes of the disk; POINT_GONE: purged while it was read; TARGET_FULL,
 *   TARGET_UNWRITABLE
 */
export async function restoreDisk(
  deps: RestoreDeps,
  stored: StoredDisk,
  options: RestoreDiskOptions,
  signal: AbortSignal,
): Promise<RestoredDisk> {
  return new DiskRestore(deps, stored, options, signal).run();
}

/** One run of `restoreDisk`. */
class DiskRestore {
  readonly #deps: RestoreDeps;
  readonly #stored: StoredDisk;
  readonly #options: RestoreDiskOptions;
  readonly #signal: AbortSignal;
  readonly #cursor: PointerCursor;
  readonly #windowBlocks: number;
  readonly #chunkBlocks: number;
  readonly #runSlots: number;
  /** In a read buffer: room for runs with their gaps, and behind that for blocks unpacked; less where the disk is small. */
  readonly #storedRoom: number;
  readonly #windows: BufferPool;
  readonly #readBuffers: BufferPool;
  readonly #done = { writtenBytes: 0, zeroedBytes: 0, incompleteBytes: 0 };

  constructor(deps: RestoreDeps, stored: StoredDisk, options: RestoreDiskOptions, signal: AbortSignal) {
    const { blockBytes, tree } = stored;
    this.#deps = deps;
    this.#stored = stored;
    this.#options = options;
    this.#signal = signal;
    this.#cursor = new PointerCursor(deps.nodes, tree);
    this.#windowBlocks = Math.max(1, Math.floor(options.windowBytes / blockBytes));
    this.#chunkBlocks = options.compare === null ? PLANNED_WINDOWS * this.#windowBlocks : COMPARED_BLOCKS;
    this.#runSlots = Math.max(1, Math.floor(RUN_BYTES / blockBytes));
    this.#storedRoom = Math.min(RUN_BYTES, tree.blocks * (GAP_SLOTS + 1) * blockBytes);
    this.#windows = new BufferPool(WINDOWS, Math.min(this.#windowBlocks, tree.blocks) * blockBytes);
    this.#readBuffers = new BufferPool(READ_BUFFERS, this.#storedRoom + Math.min(RUN_BYTES, tree.blocks * blockBytes));
  }

  async run(): Promise<RestoredDisk> {
    await forEachBounded(this.#jobs(), JOBS_AT_ONCE, async (job) => this.#work(job));
    return this.#done;
  }

  /** The bytes of a block; the last one may be short. */
  #lengthOf(block: number): number {
    const { blockBytes, sizeBytes } = this.#stored;
    return Math.min(blockBytes, sizeBytes - block * blockBytes);
  }

  async #zero(first: number, end: number): Promise<void> {
    const range = rangeOfBlocks(this.#stored, first, end);
    await this.#deps.target.zero(range, this.#signal);
    this.#done.zeroedBytes += range.lengthBytes;
    this.#done.writtenBytes += range.lengthBytes;
  }

  async #load(first: number): Promise<Chunk> {
    const end = Math.min(this.#stored.tree.blocks, first + this.#chunkBlocks);
    const { pointers, damaged } = await this.#cursor.read(first, end - first, this.#signal);
    if (damaged) throw treeDamaged(this.#stored, first, end);
    const { compare } = this.#options;
    if (compare === null) return { first, pointers, wanted: null };
    const disk = { target: this.#deps.target, disk: this.#stored };
    const wanted = await findDifferences(compare, disk, { first, pointers }, this.#signal);
    return { first, pointers, wanted };
  }

  /** The disk's chunks in order; while one is restored, the next is loaded. */
  async *#chunks(): AsyncGenerator<Chunk> {
    let next: Promise<Chunk> | null = this.#load(0);
    try {
      for (let first = 0; next !== null; first += this.#chunkBlocks) {
        const chunk: Chunk = await next;
        next = first + this.#chunkBlocks < this.#stored.tree.blocks ? this.#load(first + this.#chunkBlocks) : null;
        next?.catch(() => undefined); // it is awaited later; until then a failure is not unhandled
        yield chunk;
      }
    } finally {
      await next?.catch(() => undefined);
    }
  }

  /** Zeros what has to be zeros in a chunk and gives the reads that the rest of it takes. */
  async *#jobsOf({ first, pointers, wanted }: Chunk): AsyncGenerator<Job> {
    const end = first + pointers.length / POINTER_BYTES;
    let plan = new ReadPlan(this.#stored.disk, this.#windowBlocks);
    let zerosFrom = -1;
    for (let block = first; block < end; block++) {
      const at = (block - first) * POINTER_BYTES;
      const isZero = isZeroPointer(pointers, at);
      if ((flagsAt(pointers, at) & FLAG_UNREADABLE) !== 0) this.#done.incompleteBytes += this.#lengthOf(block);
      const write = wanted === null ? !isZero || !this.#deps.target.startsZeroed : wanted.has(block);
      if (write && !isZero) plan.add(block, pointers, at);
      else this.#options.progress(this.#lengthOf(block));
      if (write && isZero && zerosFrom < 0) zerosFrom = block;
      if (zerosFrom >= 0 && !(write && isZero)) {
        await this.#zero(zerosFrom, block);
        zerosFrom = -1;
      }
      if (plan.blockCount === this.#windowBlocks) {
        yield* this.#readsOf(plan);
        plan = new ReadPlan(this.#stored.disk, this.#windowBlocks);
      }
    }
    if (zerosFrom >= 0) await this.#zero(zerosFrom, end);
    yield* this.#readsOf(plan);
  }

  /** Long runs of neighbours by themselves, and the others with the window that they are for. */
  async *#readsOf(plan: ReadPlan): AsyncGenerator<Job> {
    const runs = [...plan.runs(this.#runSlots, GAP_SLOTS)];
    for (const run of runs) if (isDense(run)) yield { dense: run };
    const sparse = runs.filter((run) => !isDense(run));
    if (sparse.length === 0) return;
    const inWindow = sparse.flatMap((run) => run.blocks).sort((a, b) => a - b);
    const window = new RestoreWindow(inWindow, this.#stored.blockBytes, await this.#windows.take());
    const batches = [...batchesOf(sparse, Math.max(1, Math.floor(BATCH_BYTES / this.#stored.blockBytes)))];
    const open: OpenWindow = { window, jobsLeft: batches.length, failed: false };
    for (const batch of batches) yield { runs: batch, open };
  }

  async *#jobs(): AsyncGenerator<Job> {
    for await (const chunk of this.#chunks()) yield* this.#jobsOf(chunk);
  }

  /** Where a block's bytes go, once their length is known to be right. */
  #placing({ run, place }: { run: ReadRun; place: Placing }) {
    return (index: number, plainBytes: number, storedAt: number | null): number => {
      const block = run.blocks[index] ?? 0;
      if (plainBytes !== this.#lengthOf(block)) throw wrongLength(run, index);
      return place(block, plainBytes, storedAt);
    };
  }

  /** Reads a run; `place` says where in `into` each block's bytes go. */
  async #read(run: ReadRun, buffer: Uint8Array, into: Uint8Array, place: Placing): Promise<void> {
    const { segments } = this.#deps;
    const placing = this.#placing({ run, place });
    try {
      await segments.readSlots(run.ref, run.slots, buffer, into, placing, this.#signal);
    } catch (error) {
      throw error instanceof DamageError ? blocksDamaged(this.#stored, run, error) : error;
    }
  }

  async #write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await this.#deps.target.write(offsetBytes, bytes, this.#signal);
    this.#done.writtenBytes += bytes.length;
    this.#options.progress(bytes.length);
  }

  /** Neighbours are opened in place, or behind the ciphertext where they were compressed, and written at once. */
  async #restoreDense(run: ReadRun, buffer: Uint8Array): Promise<void> {
    const first = run.blocks[0] ?? 0;
    const views: Uint8Array[] = [];
    await this.#read(run, buffer, buffer, (block, plainBytes, storedAt) => {
      const at = storedAt ?? this.#storedRoom + (block - first) * this.#stored.blockBytes;
      views[block - first] = buffer.subarray(at, at + plainBytes);
      return at;
    });
    await forEachBounded(neighbours(views), WRITES_AT_ONCE, async ({ index, bytes }) =>
      this.#write((first + index) * this.#stored.blockBytes, bytes),
    );
  }

  async #readInto({ window }: OpenWindow, runs: readonly PlacedRun[]): Promise<void> {
    const { segments } = this.#deps;
    const place: Placing = (block, plainBytes) => window.place(block, plainBytes);
    const left: PlacedRun[] = [];
    await forEachBounded(bySegment(runs), READS_AT_ONCE, async (group) => {
      const run = joined(group);
      const placing = this.#placing({ run, place });
      const isRead = await segments.readLent(run.ref, run.slots, window.buffer, placing, this.#signal);
      if (!isRead) left.push(...group);
    });
    if (left.length === 0) return;
    await this.#withBuffer(async (buffer) =>
      forEachBounded(left, READS_AT_ONCE, async ({ run, atSlot }) =>
        this.#read(run, buffer.subarray(atSlot * this.#stored.blockBytes), window.buffer, place),
      ),
    );
  }

  /** Whoever reads the last runs of a window writes it and frees its memory, also when another one has failed. */
  async #restoreInto(open: OpenWindow, runs: readonly PlacedRun[]): Promise<void> {
    let isLast = false;
    try {
      await this.#readInto(open, runs);
    } catch (error) {
      open.failed = true;
      throw error;
    } finally {
      open.jobsLeft--;
      isLast = open.jobsLeft === 0;
      if (isLast && open.failed) this.#windows.give(open.window.buffer);
    }
    if (!isLast || open.failed) return;
    try {
      await forEachBounded(open.window.runs(RUN_BYTES), WRITES_AT_ONCE, async ({ offsetBytes, bytes }) =>
        this.#write(offsetBytes, bytes),
      );
    } finally {
      this.#windows.give(open.window.buffer);
    }
  }

  async #withBuffer(use: (buffer: Uint8Array) => Promise<void>): Promise<void> {
    const buffer = await this.#readBuffers.take();
    try {
      await use(buffer);
    } finally {
      this.#readBuffers.give(buffer);
    }
  }

  async #work(job: Job): Promise<void> {
    if ("dense" in job) await this.#withBuffer(async (buffer) => this.#restoreDense(job.dense, buffer));
    else await this.#restoreInto(job.open, job.runs);
  }
}

type Placing = (block: number, plainBytes: number, storedAt: number | null) => number;

/** Views that follow one another in memory, joined. */
function* neighbours(views: readonly Uint8Array[]): Generator<{ readonly index: number; readonly bytes: Uint8Array }> {
  for (let from = 0; from < views.length;) {
    const start = views[from];
    if (start === undefined) return;
    let length = start.length;
    let to = from + 1;
    for (; views[to]?.byteOffset === start.byteOffset + length; to++) length += views[to]?.length ?? 0;
    yield { index: from, bytes: new Uint8Array(start.buffer, start.byteOffset, length) };
    from = to;
  }
}
