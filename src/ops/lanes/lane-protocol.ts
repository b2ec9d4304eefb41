import type { SealedBlocks, SegmentGrant } from "#vault/segments/block-sealer.ts";
import type { BadSlots, SlotBatch } from "#vault/segments/slot-batch.ts";

/** Where a lane finds the bytes of a stretch. */
export type StretchSource =
  /** It reads them itself, with `pread` on descriptors of this process. */
  | { readonly kind: "descriptors"; readonly buffered: number; readonly direct: number | null }
  /** They were read for it; `unreadable` are the blocks (numbers in the stretch) that could not be read in full. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly unreadable: readonly number[] };

/** A run of blocks of one disk. */
export type Stretch = {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** The base's pointers of these blocks, packed. */
  readonly base: Uint8Array;
  readonly source: StretchSource;
};

/** The disk that the next stretches are of. */
export type LaneDisk = {
  readonly blockBytes: number;
  /** 32 bytes. */
  readonly fingerprintKey: Uint8Array;
};

/** What a lane is told. */
export type ToLane =
  | { readonly type: "disk"; readonly disk: LaneDisk }
  | { readonly type: "grant"; readonly grant: SegmentGrant }
  | { readonly type: "seal"; readonly stretch: Stretch }
  | { readonly type: "compare"; readonly stretch: Stretch }
  | { readonly type: "open"; readonly batches: readonly SlotBatch[] }
  | { readonly type: "flush" };

/** What a lane answers; stretches, batches and flushes in the order in which they were asked for. */
export type FromLane =
  /** It is loaded, and takes messages. */
  | { readonly type: "ready" }
  /** Asks for a segment to fill: a "grant" answers, now or when memory is free. */
  | { readonly type: "want" }
  | { readonly type: "filled"; readonly grant: SegmentGrant; readonly usedBytes: number; readonly tail: Uint8Array }
  | { readonly type: "sealed"; readonly sealed: SealedBlocks }
  /** Numbers of the blocks that are not what the base says, ascending. */
  | { readonly type: "compared"; readonly different: readonly number[] }
  /** For each batch what `openSlots` gave. */
  | { readonly type: "opened"; readonly bad: readonly BadSlots[] }
  /** The medium refused; nothing of this stretch was sealed that counts. */
  | { readonly type: "unreadable"; readonly why: string }
  | { readonly type: "flushed" }
  | { readonly type: "failed"; readonly error: unknown };
