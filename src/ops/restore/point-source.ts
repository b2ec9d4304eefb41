import { LockstepError } from "#errors/errors.ts";
import { storedDisk } from "#ops/points/stored-disk.ts";
import { blocksDamaged, treeDamaged, wrongLength } from "#ops/restore/restore-damage.ts";
import type { StoredDisk } from "#ops/restore/restore-disk.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { POINTER_BYTES } from "#vault/segments/pointer.ts";
import { ReadPlan } from "#vault/segments/read-plan.ts";
import type { ReadRun } from "#vault/segments/read-plan.ts";
import { DamageError } from "#vault/segments/segment-reader.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** So much is planned and read at once. */
const STRETCH_BYTES = 8 * 1024 * 1024;
/** Unwanted slots that cost less to read along than another read would. */
const GAP_SLOTS = 4;

/**
 * A disk of a point, read from the vault and from nowhere else: each block's seal is verified, which binds its bytes to vault, disk,
 * segment and slot. One read at a time.
 *
 * `read` throws BLOCK_DAMAGED · POINT_GONE: purged meanwhile · ARGUMENT_INVALID: outside the disk · and what the store throws.
 *
 * @param sectorBytes  of the disk that was backed up; null: unknown
 */
export function pointSource(
  { vault, log }: { readonly vault: Vault; readonly log: Log },
  point: PointState,
  disk: PointDisk,
  sectorBytes: number | null,
): VolumeSource {
  const stored = storedDisk(log.fold, disk);
  const { blockBytes, sizeBytes } = stored;
  const segments = segmentReader(vault, log, point.point);
  const cursor = new PointerCursor(new NodeReader(segments, vault.keyring.keys, stored.disk), stored.tree);
  const stretchBlocks = Math.max(1, Math.floor(STRETCH_BYTES / blockBytes));

  async function readRun(run: ReadRun, firstBlock: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    const [first = 0] = run.slots;
    const buffer = new Uint8Array(((run.slots.at(-1) ?? first) - first + 1) * blockBytes);
    try {
      await segments.readSlots(
        run.ref,
        run.slots,
        buffer,
        into,
        (index, plainBytes) => {
          const block = run.blocks[index] ?? 0;
          if (plainBytes !== Math.min(blockBytes, sizeBytes - block * blockBytes)) throw wrongLength(run, index);
          return (block - firstBlock) * blockBytes;
        },
        signal,
      );
    } catch (error) {
      throw error instanceof DamageError ? blocksDamaged(stored, run, error) : error;
    }
  }

  /** Blocks from `first` up to `end`; those of zeros, and what lies behind the disk's end, as zeros. */
  async function readBlocks(first: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    const bytes = new Uint8Array((end - first) * blockBytes);
    for (let from = first; from < end; from += stretchBlocks) {
      const count = Math.min(stretchBlocks, end - from);
      const { pointers, damaged } = await cursor.read(from, count, signal);
      if (damaged) throw treeDamaged(stored, from, from + count);
      const plan = new ReadPlan(stored.disk, count);
      for (let block = from; block < from + count; block++) plan.add(block, pointers, (block - from) * POINTER_BYTES);
      for (const run of plan.runs(stretchBlocks, GAP_SLOTS)) await readRun(run, first, bytes, signal);
    }
    return bytes;
  }

  return {
    sizeBytes,
    sectorBytes,
    read: async (offsetBytes, lengthBytes, signal) => {
      if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > sizeBytes)
        throw outside(stored, offsetBytes);
      if (lengthBytes === 0) return new Uint8Array();
      const first = Math.floor(offsetBytes / blockBytes);
      const bytes = await readBlocks(first, Math.ceil((offsetBytes + lengthBytes) / blockBytes), signal);
      const at = offsetBytes - first * blockBytes;
      return bytes.subarray(at, at + lengthBytes);
    },
  };
}

function outside({ name, sizeBytes }: StoredDisk, offsetBytes: number): LockstepError {
  return new LockstepError(
    "ARGUMENT_INVALID",
    `reading disk ${name} of a point at byte ${offsetBytes}: it has ${sizeBytes} bytes`,
  );
}
