import { alignedBuffer } from "#bytes/arrays.ts";
import type { ByteRange, DiskTarget } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { adviseHugePages } from "#linux/libc.ts";
import { forEachBounded } from "#ops/bounded.ts";
import { findDifferences } from "#ops/find-differences.ts";
import type { Lanes } from "#ops/lanes.ts";
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

const RUN_BYTES = 8 * 1024 * 1024;
const RUNS_AT_ONCE = 6;
const GAP_SLOTS = 0;

/**
 * Writes a disk of a point to a target. Reads go through the store segment by segment, whatever order the blocks have on
 * the disk. Does not flush the target.
 *
 * @throws {DamageError} BLOCK_DAMAGED, naming the bytes of the disk; POINT_GONE: purged while it was read; TARGET_FULL,
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
  const cursor = new PointerCursor(deps.nodes, stored.tree);
  const buffers: Uint8Array[] = [];
  let writtenBytes = 0;
  let zeroedBytes = 0;
  let incompleteBytes = 0;

  const lengthOf = (block: number): number => Math.min(blockBytes, sizeBytes - block * blockBytes);

  async function zero(first: number, end: number): Promise<void> {
    const range = {
      offsetBytes: first * blockBytes,
      lengthBytes: Math.min(end * blockBytes, sizeBytes) - first * blockBytes,
    };
    await target.zero(range, signal);
    zeroedBytes += range.lengthBytes;
    writtenBytes += range.lengthBytes;
  }

  async function restoreRun(run: ReadRun): Promise<void> {
    const buffer = buffers.pop() ?? newBuffer();
    try {
      const place = new Map(run.slots.map((slot, index) => [slot, index]));
      const first = run.slots[0] ?? 0;
      const span = (run.slots.at(-1) ?? 0) - first + 1;
      // Slots that are stored as they are lie in the buffer as they will on the disk; others are unpacked behind them.
      const views: Uint8Array[] = [];
      const unpacked = buffer.subarray(span * blockBytes);
      await deps.segments.readSlots(
        run.ref,
        run.slots,
        buffer,
        (slot, plainBytes, inPlace) => {
          const index = place.get(slot) ?? 0;
          if (plainBytes !== lengthOf(run.blocks[index] ?? 0)) throw wrongLength(run, slot);
          const view = inPlace ?? unpacked.subarray(index * blockBytes, index * blockBytes + plainBytes);
          views[index] = view;
          return view;
        },
        signal,
      );
      await writeRun(run.blocks, views);
    } catch (error) {
      throw error instanceof DamageError ? locate(error, run, stored) : error;
    } finally {
      buffers.push(buffer);
    }
  }

  /** Writes blocks, those together that are neighbours both on the disk and in memory. */
  async function writeRun(blocks: readonly number[], views: readonly Uint8Array[]): Promise<void> {
    const writes: Promise<void>[] = [];
    for (let from = 0; from < blocks.length;) {
      const start = views[from];
      const block = blocks[from];
      if (start === undefined || block === undefined) break;
      let length = start.length;
      let to = from + 1;
      for (; to < blocks.length; to++) {
        const view = views[to];
        const isNext = view?.buffer === start.buffer && view.byteOffset === start.byteOffset + length;
        if (view === undefined || !isNext || blocks[to] !== block + (to - from)) break;
        length += view.length;
      }
      writes.push(target.write(block * blockBytes, new Uint8Array(start.buffer, start.byteOffset, length), signal));
      writtenBytes += length;
      options.progress(length);
      from = to;
    }
    const failure = (await Promise.allSettled(writes)).find((write) => write.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  const blocks = stored.tree.blocks;
  for (let first = 0; first < blocks; first += PLAN_BLOCKS) {
    const end = Math.min(blocks, first + PLAN_BLOCKS);
    const run = await cursor.read(first, end - first, signal);
    if (run.damaged) throw treeDamaged(stored, first, end);
    const wanted =
      options.compare === null
        ? null
        : await findDifferences(options.compare, target, stored, first, run.pointers, signal);
    const plan = new ReadPlan(stored.disk);
    let zerosFrom = -1;
    for (let block = first; block < end; block++) {
      const at = (block - first) * POINTER_BYTES;
      const isZero = isZeroPointer(run.pointers, at);
      if ((flagsAt(run.pointers, at) & FLAG_UNREADABLE) !== 0) incompleteBytes += lengthOf(block);
      const write = wanted === null ? !isZero || !target.startsZeroed : wanted.has(block);
      if (write && !isZero) plan.add(block, run.pointers, at);
      else options.progress(lengthOf(block));
      if (write && isZero) {
        if (zerosFrom < 0) zerosFrom = block;
      } else if (zerosFrom >= 0) {
        await zero(zerosFrom, block);
        zerosFrom = -1;
      }
    }
    if (zerosFrom >= 0) await zero(zerosFrom, end);
    await forEachBounded(plan.runs(Math.floor(RUN_BYTES / blockBytes), GAP_SLOTS), RUNS_AT_ONCE, restoreRun);
  }
  return { writtenBytes, zeroedBytes, incompleteBytes };
}

/** Room for a run as it is stored, and for as many blocks unpacked; untouched memory costs nothing. */
function newBuffer(): Uint8Array {
  const buffer = alignedBuffer(2 * RUN_BYTES);
  adviseHugePages(buffer);
  return buffer;
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
