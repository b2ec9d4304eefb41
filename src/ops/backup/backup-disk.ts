import type { ByteRange, DiskSource } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import type { Stretch, StretchSource } from "#ops/lanes/lane-protocol.ts";
import type { Lanes } from "#ops/lanes/lanes.ts";
import { partsOf } from "#ops/lanes/stretches.ts";
import type { BlockRun, DiskPart } from "#ops/lanes/stretches.ts";
import type { DamagedBlocks } from "#vault/healing/damaged-blocks.ts";
import { CHANGE_BYTES } from "#vault/segments/block-sealer.ts";
import type { SealedBlocks } from "#vault/segments/block-sealer.ts";
import { isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import type { DiskWriter } from "#vault/tree/disk-writer.ts";
import type { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

/** What is known of a disk beforehand. */
export type ChangeSource =
  /** Nothing: all of it is compared, but for its holes. */
  | { readonly kind: "scan" }
  /** Nothing but these ranges differs from the base. */
  | { readonly kind: "ranges"; readonly ranges: readonly ByteRange[] };

export type BackupDiskOptions = {
  /** The tree that blocks are compared with. */
  readonly base: TreeShape;
  readonly changes: ChangeSource;
  /** Store what the medium refuses as zeros and note it, instead of giving up. */
  readonly skipUnreadable: boolean;
  /**
   * Asked after each stretch, with the bytes of the disk gone through since the last checkpoint, those on their way too;
   * then `checkpoint` is called once all of them are in the tree.
   */
  readonly checkpointDue: (bytes: number) => boolean;
  readonly checkpoint: () => Promise<void>;
  /** Told of every block that was compared. */
  readonly healable: DamagedBlocks;
  readonly progress: (bytes: number) => void;
};

export type BackedUpDisk = {
  readonly readBytes: number;
  readonly newBytes: number;
  /** Bytes in what was read that are not in blocks of zeros, and those that the base had in the same place. */
  readonly dataBytes: number;
  readonly baseDataBytes: number;
  readonly unreadable: readonly ByteRange[];
};

type Pending = { readonly part: DiskPart; readonly base: Uint8Array; readonly sealed: Promise<SealedBlocks> | null };

/**
 * Writes one disk of a point that is being taken: compares it with the base block by block, seals what differs, and
 * brings the block tree up to date. What it wrote counts once the log names it, and not before.
 *
 * @throws {LockstepError} DISK_UNREADABLE; RANGES_WRONG_BASE: a list of changes does not fit what the vault has;
 *   STORE_UNAVAILABLE and other failures of the store: run again, nothing is half done
 */
export async function backupDisk(
  deps: { source: DiskSource; writer: DiskWriter; nodes: NodeReader; lanes: Lanes; blockBytes: number },
  options: BackupDiskOptions,
  signal: AbortSignal,
): Promise<BackedUpDisk> {
  const { source, writer, nodes, lanes, blockBytes } = deps;
  const { healable } = options;
  const base = new PointerCursor(nodes, options.base);
  const unreadable: ByteRange[] = [];
  const pending: Pending[] = [];
  let readBytes = 0;
  let newBytes = 0;
  let dataBytes = 0;
  let baseDataBytes = 0;
  let sinceCheckpointBytes = 0;

  const lengthOf = ({ first, count }: BlockRun): number =>
    Math.min(count * blockBytes, source.sizeBytes - first * blockBytes);

  async function seal(part: DiskPart, pointers: Uint8Array): Promise<SealedBlocks> {
    const place = { offsetBytes: part.first * blockBytes, lengthBytes: lengthOf(part), base: pointers };
    if (source.descriptors !== null) {
      const sealed = await lanes.seal({ ...place, source: { kind: "descriptors", ...source.descriptors } });
      if (sealed !== null) return sealed;
    }
    const bytes = await readCarefully(place);
    return (await lanes.seal({ ...place, source: bytes })) ?? { changes: new Uint8Array(), dataBytes: 0, newBytes: 0 };
  }

  async function readCarefully({ offsetBytes, lengthBytes }: Omit<Stretch, "source">): Promise<StretchSource> {
    const bytes = new Uint8Array(lengthBytes);
    if (!options.skipUnreadable) {
      await source.read(offsetBytes, bytes, signal);
      return { kind: "bytes", bytes, unreadable: [] };
    }
    const lost = await source.readAround(offsetBytes, bytes, signal);
    unreadable.push(...lost);
    const blocks = new Set<number>();
    for (const range of lost) {
      const first = Math.floor((range.offsetBytes - offsetBytes) / blockBytes);
      const end = Math.ceil((range.offsetBytes + range.lengthBytes - offsetBytes) / blockBytes);
      for (let block = first; block < end; block++) blocks.add(block);
    }
    return { kind: "bytes", bytes, unreadable: [...blocks] };
  }

  /** Takes the oldest part's outcome into the tree. */
  async function settle(): Promise<void> {
    const oldest = pending.shift();
    if (oldest === undefined) return;
    const { part } = oldest;
    if (oldest.sealed === null) {
      await writer.tree.setZeros(part.first, part.count, signal);
      return;
    }
    const sealed = await oldest.sealed;
    const changed = new Set<number>();
    const view = new DataView(sealed.changes.buffer, sealed.changes.byteOffset);
    for (let at = 0; at < sealed.changes.length; at += CHANGE_BYTES) {
      const number = view.getUint32(at, true);
      if (!healable.isEmpty) changed.add(number);
      await writer.tree.set(part.first + number, sealed.changes, at + 4, signal);
    }
    healable.note(part.first, oldest.base, (number) => changed.has(number));
    readBytes += lengthOf(part);
    newBytes += sealed.newBytes;
    dataBytes += sealed.dataBytes;
    baseDataBytes += dataIn(oldest.base, lengthOf(part), blockBytes);
    options.progress(lengthOf(part));
  }

  const ranges = options.changes.kind === "scan" ? source.dataRanges(signal) : options.changes.ranges;
  try {
    for await (const part of partsOf(ranges, { sizeBytes: source.sizeBytes, blockBytes })) {
      signal.throwIfAborted();
      if (part.kind === "hole") {
        if (options.changes.kind === "scan") pending.push({ part, base: new Uint8Array(), sealed: null });
        continue;
      }
      const run = await base.read(part.first, part.count, signal);
      if (run.damaged && options.changes.kind === "ranges") throw needsScan();
      const sealed = seal(part, run.pointers);
      sealed.catch(() => undefined); // it is awaited in order; until then a failure is not unhandled
      pending.push({ part, base: run.pointers, sealed });
      while (pending.length > lanes.depth) await settle();
      sinceCheckpointBytes += lengthOf(part);
      if (options.checkpointDue(sinceCheckpointBytes)) {
        while (pending.length > 0) await settle();
        await options.checkpoint();
        sinceCheckpointBytes = 0;
      }
    }
    while (pending.length > 0) await settle();
  } finally {
    await Promise.allSettled(pending.map(async ({ sealed }) => await sealed));
  }
  return { readBytes, newBytes, dataBytes, baseDataBytes, unreadable };
}

function needsScan(): LockstepError {
  return new LockstepError(
    "RANGES_WRONG_BASE",
    "The base's block tree is damaged, so a list of changes is not enough.",
    {
      hint: "Back up without --changed-ranges once: a scan writes the damaged part anew.",
    },
  );
}

/** Bytes in blocks that packed pointers do not call zeros. */
function dataIn(pointers: Uint8Array, lengthBytes: number, blockBytes: number): number {
  let bytes = 0;
  for (let at = 0, left = lengthBytes; at < pointers.length; at += POINTER_BYTES, left -= blockBytes) {
    if (!isZeroPointer(pointers, at)) bytes += Math.min(blockBytes, left);
  }
  return bytes;
}
