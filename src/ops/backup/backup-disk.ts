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

type BackupDiskDeps = {
  readonly source: DiskSource;
  readonly writer: DiskWriter;
  readonly nodes: NodeReader;
  readonly lanes: Lanes;
  readonly blockBytes: number;
};

/** A part of the disk, and its base's pointers. `sealed` is null for a hole. */
type Pending = { readonly part: DiskPart; readonly base: Uint8Array; readonly sealed: Promise<SealedBlocks> | null };

/**
 * Writes one disk of a point that is being taken: compares it with the base block by block, seals what differs, and
 * brings the block tree up to date. What it wrote counts once the log names it, and not before.
 *
 * @throws {LockstepError} DISK_UNREADABLE; RANGES_WRONG_BASE: a list of changes does not fit what the vault has;
 *   STORE_UNAVAILABLE and other failures of the store: run again, nothing is half done
 */
export async function backupDisk(
  deps: BackupDiskDeps,
  options: BackupDiskOptions,
  signal: AbortSignal,
): Promise<BackedUpDisk> {
  return new DiskBackup(deps, options, signal).run();
}

/** One run of `backupDisk`. */
class DiskBackup {
  readonly #deps: BackupDiskDeps;
  readonly #options: BackupDiskOptions;
  readonly #signal: AbortSignal;
  readonly #base: PointerCursor;
  /** Parts on their way through the lanes, in the disk's order. */
  readonly #pending: Pending[] = [];
  readonly #unreadable: ByteRange[] = [];
  readonly #counts = { readBytes: 0, newBytes: 0, dataBytes: 0, baseDataBytes: 0 };

  constructor(deps: BackupDiskDeps, options: BackupDiskOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = signal;
    this.#base = new PointerCursor(deps.nodes, options.base);
  }

  async run(): Promise<BackedUpDisk> {
    const { source, blockBytes } = this.#deps;
    const { changes } = this.#options;
    const ranges = changes.kind === "scan" ? source.dataRanges(this.#signal) : changes.ranges;
    let sinceCheckpointBytes = 0;
    try {
      for await (const part of partsOf(ranges, { sizeBytes: source.sizeBytes, blockBytes })) {
        this.#signal.throwIfAborted();
        if (part.kind === "hole") {
          if (changes.kind === "scan") this.#pending.push({ part, base: new Uint8Array(), sealed: null });
          continue;
        }
        await this.#begin(part);
        sinceCheckpointBytes += this.#lengthOf(part);
        if (this.#options.checkpointDue(sinceCheckpointBytes)) {
          await this.#settleUntil(0);
          await this.#options.checkpoint();
          sinceCheckpointBytes = 0;
        }
      }
      await this.#settleUntil(0);
    } finally {
      await Promise.allSettled(this.#pending.map(async ({ sealed }) => await sealed));
    }
    return { ...this.#counts, unreadable: this.#unreadable };
  }

  #lengthOf({ first, count }: BlockRun): number {
    const { source, blockBytes } = this.#deps;
    return Math.min(count * blockBytes, source.sizeBytes - first * blockBytes);
  }

  /** Sends a part with data through the lanes, and settles the oldest ones where they are full. */
  async #begin(part: DiskPart): Promise<void> {
    const { pointers, damaged } = await this.#base.read(part.first, part.count, this.#signal);
    if (damaged && this.#options.changes.kind === "ranges") throw needsScan();
    const sealed = this.#seal(part, pointers);
    sealed.catch(() => undefined); // it is awaited in order; until then a failure is not unhandled
    this.#pending.push({ part, base: pointers, sealed });
    await this.#settleUntil(this.#deps.lanes.depth);
  }

  async #seal(part: DiskPart, pointers: Uint8Array): Promise<SealedBlocks> {
    const { source, lanes, blockBytes } = this.#deps;
    const place = { offsetBytes: part.first * blockBytes, lengthBytes: this.#lengthOf(part), base: pointers };
    if (source.descriptors !== null) {
      const sealed = await lanes.seal({ ...place, source: { kind: "descriptors", ...source.descriptors } });
      if (sealed !== null) return sealed;
    }
    const bytes = await this.#readCarefully(place);
    return (await lanes.seal({ ...place, source: bytes })) ?? { changes: new Uint8Array(), dataBytes: 0, newBytes: 0 };
  }

  async #readCarefully({ offsetBytes, lengthBytes }: Omit<Stretch, "source">): Promise<StretchSource> {
    const { source, blockBytes } = this.#deps;
    const bytes = new Uint8Array(lengthBytes);
    if (!this.#options.skipUnreadable) {
      await source.read(offsetBytes, bytes, this.#signal);
      return { kind: "bytes", bytes, unreadable: [] };
    }
    const lost = await source.readAround(offsetBytes, bytes, this.#signal);
    this.#unreadable.push(...lost);
    const blocks = new Set<number>();
    for (const range of lost) {
      const first = Math.floor((range.offsetBytes - offsetBytes) / blockBytes);
      const end = Math.ceil((range.offsetBytes + range.lengthBytes - offsetBytes) / blockBytes);
      for (let block = first; block < end; block++) blocks.add(block);
    }
    return { kind: "bytes", bytes, unreadable: [...blocks] };
  }

  /** Takes the outcomes of the oldest parts into the tree, until no more than `depth` are on their way. */
  async #settleUntil(depth: number): Promise<void> {
    while (this.#pending.length > depth) {
      const oldest = this.#pending.shift();
      if (oldest !== undefined) await this.#settle(oldest);
    }
  }

  async #settle({ part, base, sealed: sealing }: Pending): Promise<void> {
    const { writer, blockBytes } = this.#deps;
    if (sealing === null) {
      await writer.tree.setZeros(part.first, part.count, this.#signal);
      return;
    }
    const { healable } = this.#options;
    const sealed = await sealing;
    const changed = new Set<number>();
    const view = new DataView(sealed.changes.buffer, sealed.changes.byteOffset);
    for (let at = 0; at < sealed.changes.length; at += CHANGE_BYTES) {
      const number = view.getUint32(at, true);
      if (!healable.isEmpty) changed.add(number);
      await writer.tree.set(part.first + number, sealed.changes, at + 4, this.#signal);
    }
    healable.note(part.first, base, (number) => changed.has(number));
    const lengthBytes = this.#lengthOf(part);
    this.#counts.readBytes += lengthBytes;
    this.#counts.newBytes += sealed.newBytes;
    this.#counts.dataBytes += sealed.dataBytes;
    this.#counts.baseDataBytes += dataIn(base, lengthBytes, blockBytes);
    this.#options.progress(lengthBytes);
  }
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
