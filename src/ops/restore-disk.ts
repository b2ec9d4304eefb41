import type { ByteRange, DiskTarget } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { forEachBounded } from "#ops/bounded.ts";
import { findDifferences } from "#ops/find-differences.ts";
import type { Lanes } from "#ops/lanes.ts";
import { BufferPool, RestoreWindow } from "#ops/restore-window.ts";
import type { DiskId } from "#vault/ids.ts";
import type { NodeReader } from "#vault/node-reader.ts";
import { flagsAt, FLAG_UNREADABLE, isZeroPointer, POINTER_BYTES } from "#vault/pointer.ts";
import { PointerCursor } from "#vault/pointer-cursor.ts";
import { PLAN_BLOCKS, ReadPlan } from "#vault/read-plan.ts";
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

/** A piece of the target that is put together before it is written. */
const WINDOW_BYTES = 64 * 1024 * 1024;
const WINDOWS = 2;
const RUN_BYTES = 8 * 1024 * 1024;
const RUNS_AT_ONCE = 4;
const WRITES_AT_ONCE = 4;
/** Unwanted slots that cost less to read along than another read would. */
const GAP_SLOTS = 16;

/** A run to be read, and the window that its blocks are for. */
type Job = { readonly run: ReadRun; readonly open: OpenWindow };
type OpenWindow = { readonly window: RestoreWindow; readonly buffer: Uint8Array; runsLeft: number; failed: boolean };

/**
 * Writes a disk of a point to a target, window by window. A window's blocks are read segment by segment, whatever order
 * they have on the disk: what a backup wrote together lies together. Does not flush the target.
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
  const windowBlocks = Math.max(1, Math.floor(WINDOW_BYTES / blockBytes));
  const windows = new BufferPool(WINDOWS, Math.min(windowBlocks, blocks) * blockBytes);
  const readBuffers = new BufferPool(RUNS_AT_ONCE, RUN_BYTES);
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

  /** Zeros what has to be zeros in a window and gives the reads that the rest of it takes. */
  async function* jobsOf(
    first: number,
    end: number,
    pointers: Uint8Array,
    wanted: ReadonlySet<number> | null,
  ): AsyncGenerator<Job> {
    const plan = new ReadPlan(stored.disk, end - first);
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
    }
    if (zerosFrom >= 0) await zero(zerosFrom, end);
    if (plan.blockCount === 0) return;
    const runs = [...plan.runs(Math.max(1, Math.floor(RUN_BYTES / blockBytes)), GAP_SLOTS)];
    const buffer = await windows.take();
    const window = new RestoreWindow(first, end - first, blockBytes, buffer);
    const open: OpenWindow = { window, buffer, runsLeft: runs.length, failed: false };
    for (const run of runs) yield { run, open };
  }

  async function* jobs(): AsyncGenerator<Job> {
    for (let first = 0; first < blocks; first += PLAN_BLOCKS) {
      const end = Math.min(blocks, first + PLAN_BLOCKS);
      const { pointers, damaged } = await cursor.read(first, end - first, signal);
      if (damaged) throw treeDamaged(stored, first, end);
      const { compare } = options;
      const wanted = compare === null ? null : await findDifferences(compare, target, stored, first, pointers, signal);
      for (let from = first; from < end; from += windowBlocks) {
        const to = Math.min(end, from + windowBlocks);
        yield* jobsOf(
          from,
          to,
          pointers.subarray((from - first) * POINTER_BYTES, (to - first) * POINTER_BYTES),
          wanted,
        );
      }
    }
  }

  async function read({ run, open }: Job): Promise<void> {
    const buffer = await readBuffers.take();
    const blockIn = new Map(run.slots.map((slot, index) => [slot, run.blocks[index] ?? 0]));
    try {
      await deps.segments.readSlots(
        run.ref,
        run.slots,
        buffer,
        (slot, plainBytes) => {
          const block = blockIn.get(slot) ?? 0;
          if (plainBytes !== lengthOf(block)) throw wrongLength(run, slot);
          return open.window.place(block, plainBytes);
        },
        signal,
      );
    } catch (error) {
      open.failed = true;
      throw error instanceof DamageError ? locate(error, run, stored) : error;
    } finally {
      readBuffers.give(buffer);
      open.runsLeft--;
    }
  }

  async function work(job: Job): Promise<void> {
    const { open } = job;
    try {
      await read(job);
      if (open.runsLeft > 0 || open.failed) return;
      await forEachBounded(open.window.runs(RUN_BYTES), WRITES_AT_ONCE, async ({ offsetBytes, bytes }) => {
        await target.write(offsetBytes, bytes, signal);
        writtenBytes += bytes.length;
        options.progress(bytes.length);
      });
    } finally {
      if (open.runsLeft === 0) windows.give(open.buffer);
    }
  }

  await forEachBounded(jobs(), RUNS_AT_ONCE, work);
  return { writtenBytes, zeroedBytes, incompleteBytes };
}

function rangeOf({ blockBytes, sizeBytes }: StoredDisk, first: number, end: number): ByteRange {
  const offsetBytes = first * blockBytes;
  return { offsetBytes, lengthBytes: Math.min(end * blockBytes, sizeBytes) - offsetBytes };
}

/** Says which bytes of the disk damaged slots hold. */
function locate(error: DamageError, run: ReadRun, stored: StoredDisk): LockstepError {
  const bad = new Set(error.damage.slots);
  const hurt = run.blocks.filter((_, index) => bad.has(run.slots[index] ?? -1));
  const ranges = hurt.map((block) => {
    const { offsetBytes, lengthBytes } = rangeOf(stored, block, block + 1);
    return `${offsetBytes}-${offsetBytes + lengthBytes - 1}`;
  });
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
