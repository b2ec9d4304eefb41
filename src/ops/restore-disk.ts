import { appendRange } from "#disk/byte-ranges.ts";
import type { ByteRange, DiskTarget } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { forEachBounded } from "#ops/bounded.ts";
import { findDifferences } from "#ops/find-differences.ts";
import type { Lanes } from "#ops/lanes.ts";
import { BufferPool } from "#ops/buffer-pool.ts";
import { RestoreWindow } from "#ops/restore-window.ts";
import type { DiskId } from "#vault/ids.ts";
import type { NodeReader } from "#vault/node-reader.ts";
import { flagsAt, FLAG_UNREADABLE, isZeroPointer, POINTER_BYTES } from "#vault/pointer.ts";
import { PointerCursor } from "#vault/pointer-cursor.ts";
import { ReadPlan } from "#vault/read-plan.ts";
import type { ReadRun } from "#vault/read-plan.ts";
import { DamageError } from "#vault/segment-reader.ts";
import type { SegmentReader } from "#vault/segment-reader.ts";
import type { TreeShape } from "#vault/tree-walk.ts";

/** The disk of a point, as it is to be restored. */
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
export const RESTORE_WINDOW_BYTES = 64 * 1024 * 1024;
/** So many blocks are compared while those before them are restored. */
const CHUNK_BLOCKS = 16_384;
const WINDOWS = 2;
const RUN_BYTES = 8 * 1024 * 1024;
const RUNS_AT_ONCE = 6;
const WRITES_AT_ONCE = 4;
/** Unwanted slots that cost less to read along than another read would. */
const GAP_SLOTS = 16;

/** Runs of so many neighbours are written by themselves. */
const DENSE_BLOCKS = 16;

/** Blocks that follow one another: their pointers, packed, and which of them are to be written; null: all. */
type Chunk = { readonly first: number; readonly pointers: Uint8Array; readonly wanted: ReadonlySet<number> | null };
/** A run to be read, and the window that its blocks are for; null for one that is written by itself. */
type Job = { readonly run: ReadRun; readonly open: OpenWindow | null };
type OpenWindow = { readonly window: RestoreWindow; runsLeft: number; failed: boolean };

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
  deps: { segments: SegmentReader; nodes: NodeReader; target: DiskTarget },
  stored: StoredDisk,
  options: RestoreDiskOptions,
  signal: AbortSignal,
): Promise<RestoredDisk> {
  const { target } = deps;
  const { blockBytes, sizeBytes } = stored;
  const { blocks } = stored.tree;
  const cursor = new PointerCursor(deps.nodes, stored.tree);
  const windowBlocks = Math.max(1, Math.floor(options.windowBytes / blockBytes));
  const windows = new BufferPool(WINDOWS, Math.min(windowBlocks, blocks) * blockBytes);
  // Room for a run with its gaps, and behind that for its blocks unpacked: less where the disk is small.
  const storedRoom = Math.min(RUN_BYTES, blocks * (GAP_SLOTS + 1) * blockBytes);
  const readBuffers = new BufferPool(RUNS_AT_ONCE, storedRoom + Math.min(RUN_BYTES, blocks * blockBytes));
  let writtenBytes = 0;
  let zeroedBytes = 0;
  let incompleteBytes = 0;

  const lengthOf = (block: number): number => Math.min(blockBytes, sizeBytes - block * blockBytes);

  async function zero(first: number, end: number): Promise<void> {
    const range = rangeOf(stored, first, end);
    await target.zero(range, signal);
    zeroedBytes += range.lengthBytes;
    writtenBytes += range.lengthBytes;
  }

  async function load(first: number): Promise<Chunk> {
    const end = Math.min(blocks, first + CHUNK_BLOCKS);
    const { pointers, damaged } = await cursor.read(first, end - first, signal);
    if (damaged) throw treeDamaged(stored, first, end);
    const { compare } = options;
    const wanted = compare === null ? null : await findDifferences(compare, target, stored, first, pointers, signal);
    return { first, pointers, wanted };
  }

  /** The disk's chunks in order; while one is restored, the next is loaded. */
  async function* chunks(): AsyncGenerator<Chunk> {
    let next: Promise<Chunk> | null = load(0);
    try {
      for (let first = 0; next !== null; first += CHUNK_BLOCKS) {
        const chunk: Chunk = await next;
        next = first + CHUNK_BLOCKS < blocks ? load(first + CHUNK_BLOCKS) : null;
        next?.catch(() => undefined); // it is awaited later; until then a failure is not unhandled
        yield chunk;
      }
    } finally {
      await next?.catch(() => undefined);
    }
  }

  /** Zeros what has to be zeros in a chunk and gives the reads that the rest of it takes. */
  async function* jobsOf({ first, pointers, wanted }: Chunk): AsyncGenerator<Job> {
    const end = first + pointers.length / POINTER_BYTES;
    let plan = new ReadPlan(stored.disk, windowBlocks);
    let zerosFrom = -1;
    for (let block = first; block < end; block++) {
      const at = (block - first) * POINTER_BYTES;
      const isZero = isZeroPointer(pointers, at);
      if ((flagsAt(pointers, at) & FLAG_UNREADABLE) !== 0) incompleteBytes += lengthOf(block);
      const write = wanted === null ? !isZero || !target.startsZeroed : wanted.has(block);
      if (write && !isZero) plan.add(block, pointers, at);
      else options.progress(lengthOf(block));
      if (write && isZero && zerosFrom < 0) zerosFrom = block;
      if (zerosFrom >= 0 && !(write && isZero)) {
        await zero(zerosFrom, block);
        zerosFrom = -1;
      }
      if (plan.blockCount === windowBlocks) {
        yield* readsOf(plan);
        plan = new ReadPlan(stored.disk, windowBlocks);
      }
    }
    if (zerosFrom >= 0) await zero(zerosFrom, end);
    yield* readsOf(plan);
  }

  /** Long runs of neighbours by themselves, and the others with the window that they are for. */
  async function* readsOf(plan: ReadPlan): AsyncGenerator<Job> {
    const runs = [...plan.runs(Math.max(1, Math.floor(RUN_BYTES / blockBytes)), GAP_SLOTS)];
    for (const run of runs) if (isDense(run)) yield { run, open: null };
    const sparse = runs.filter((run) => !isDense(run));
    if (sparse.length === 0) return;
    const inWindow = sparse.flatMap((run) => run.blocks).sort((a, b) => a - b);
    const window = new RestoreWindow(inWindow, blockBytes, await windows.take());
    const open: OpenWindow = { window, runsLeft: sparse.length, failed: false };
    for (const run of sparse) yield { run, open };
  }

  async function* jobs(): AsyncGenerator<Job> {
    for await (const chunk of chunks()) yield* jobsOf(chunk);
  }

  /** Reads a run; `place` says where in `into` each block's bytes go. */
  async function read(run: ReadRun, buffer: Uint8Array, into: Uint8Array, place: Placing): Promise<void> {
    const blockIn = new Map(run.slots.map((slot, index) => [slot, run.blocks[index] ?? 0]));
    try {
      await deps.segments.readSlots(
        run.ref,
        run.slots,
        buffer,
        into,
        (slot, plainBytes, storedAt) => {
          const block = blockIn.get(slot) ?? 0;
          if (plainBytes !== lengthOf(block)) throw wrongLength(run, slot);
          return place(block, plainBytes, storedAt);
        },
        signal,
      );
    } catch (error) {
      throw error instanceof DamageError ? locate(error, run, stored) : error;
    }
  }

  async function write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await target.write(offsetBytes, bytes, signal);
    writtenBytes += bytes.length;
    options.progress(bytes.length);
  }

  /** Neighbours are opened in place, or behind the ciphertext where they were compressed, and written at once. */
  async function restoreDense(run: ReadRun, buffer: Uint8Array): Promise<void> {
    const first = run.blocks[0] ?? 0;
    const views: Uint8Array[] = [];
    await read(run, buffer, buffer, (block, plainBytes, storedAt) => {
      const at = storedAt ?? storedRoom + (block - first) * blockBytes;
      views[block - first] = buffer.subarray(at, at + plainBytes);
      return at;
    });
    await forEachBounded(neighbours(views), WRITES_AT_ONCE, async ({ index, bytes }) =>
      write((first + index) * blockBytes, bytes),
    );
  }

  /** Whoever reads a window's last run writes the window and frees its memory, also when another run of it has failed. */
  async function restoreInto(open: OpenWindow, run: ReadRun, buffer: Uint8Array): Promise<void> {
    let isLast = false;
    try {
      const { window } = open;
      await read(run, buffer, window.buffer, (block, plainBytes) => window.place(block, plainBytes));
    } catch (error) {
      open.failed = true;
      throw error;
    } finally {
      open.runsLeft--;
      isLast = open.runsLeft === 0;
      if (isLast && open.failed) windows.give(open.window.buffer);
    }
    if (!isLast || open.failed) return;
    try {
      await forEachBounded(open.window.runs(RUN_BYTES), WRITES_AT_ONCE, async ({ offsetBytes, bytes }) =>
        write(offsetBytes, bytes),
      );
    } finally {
      windows.give(open.window.buffer);
    }
  }

  async function work({ run, open }: Job): Promise<void> {
    const buffer = await readBuffers.take();
    try {
      await (open === null ? restoreDense(run, buffer) : restoreInto(open, run, buffer));
    } finally {
      readBuffers.give(buffer);
    }
  }

  await forEachBounded(jobs(), RUNS_AT_ONCE, work);
  return { writtenBytes, zeroedBytes, incompleteBytes };
}

type Placing = (block: number, plainBytes: number, storedAt: number | null) => number;

/** Whether a run's blocks follow one another on the disk, and are many enough to be worth a write of their own. */
function isDense({ slots, blocks }: ReadRun): boolean {
  const [first = 0] = blocks;
  const noGaps = (slots.at(-1) ?? 0) - (slots[0] ?? 0) === slots.length - 1;
  return noGaps && blocks.length >= DENSE_BLOCKS && blocks.every((block, index) => block === first + index);
}

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

function rangeOf({ blockBytes, sizeBytes }: StoredDisk, first: number, end: number): ByteRange {
  const offsetBytes = first * blockBytes;
  return { offsetBytes, lengthBytes: Math.min(end * blockBytes, sizeBytes) - offsetBytes };
}

/** Says which bytes of the disk damaged slots hold. */
function locate(error: DamageError, run: ReadRun, stored: StoredDisk): LockstepError {
  const bad = new Set(error.damage.slots);
  const hurt = run.blocks.filter((_, index) => bad.has(run.slots[index] ?? -1));
  const united: ByteRange[] = [];
  for (const block of hurt.toSorted((a, b) => a - b)) appendRange(united, rangeOf(stored, block, block + 1));
  const ranges = united.map(({ offsetBytes, lengthBytes }) => `${offsetBytes}-${offsetBytes + lengthBytes - 1}`);
  const shown =
    ranges.length > 8 ? `${ranges.slice(0, 8).join(", ")} and ${ranges.length - 8} more` : ranges.join(", ");
  return new LockstepError("BLOCK_DAMAGED", `Disk ${stored.name}, bytes ${shown}: ${error.message}`, {
    hint: error.hint,
    cause: error,
  });
}

function treeDamaged(stored: StoredDisk, first: number, end: number): LockstepError {
  const { offsetBytes, lengthBytes } = rangeOf(stored, first, end);
  return new LockstepError(
    "BLOCK_DAMAGED",
    `Disk ${stored.name}: the block tree between bytes ${offsetBytes} and ${offsetBytes + lengthBytes - 1} is damaged, and so is its copy.`,
    { hint: "'lockstep check NAME' names the points that it hurts. Other points may still be whole." },
  );
}

function wrongLength(run: ReadRun, slot: number): LockstepError {
  return new LockstepError(
    "BLOCK_DAMAGED",
    `data segment ${run.ref.segment}, slot ${slot}: it holds a block of another length than the disk has there.`,
  );
}
