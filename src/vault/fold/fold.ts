import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import type {
  CheckpointDisk,
  DiskVolumes,
  KnownKeyStore,
  Lane,
  PointRecord,
  Receipt,
  SlotRanges,
  StatedVerdict,
} from "#vault/entry/entry.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { FoldMap } from "#vault/fold/fold-map.ts";
import { firstGeneration } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, PointId, SegmentId, SessionId } from "#vault/object/ids.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";

/** A deletion that is not purged yet. A purge or an undelete names it by `seq`. */
export type Deletion = {
  readonly seq: number;
  readonly at: string;
  readonly by: "rule" | "person";
  readonly reason: string;
};

/** The newest verdict on an encrypted volume of a point. */
export type ShownVolume = StatedVerdict & {
  /** When a key was last derived for a verdict that it opens, this one or one before; null where there was none. */
  readonly openedAt: string | null;
};

/** A point that is not purged: live, or deleted and still kept. */
export type PointState = PointRecord & {
  /** The entry that logged it. */
  readonly seq: number;
  readonly deleted: Deletion | null;
  /** Logged, or its session opened, by a clock that cannot be believed; no person has confirmed the date since. */
  readonly dateDoubtful: boolean;
  /** What of its disks is encrypted; null while no entry says so. */
  readonly volumes: readonly DiskVolumes[] | null;
  /** What the key side stated of its encrypted volumes. */
  readonly shown: readonly ShownVolume[];
  /** When the latest check of this very point began that read all its bytes and found them good; see `bytesGoodAt`. */
  readonly checkedAt: string | null;
  /** The latest check that had a look found that it cannot be given back as it was. */
  readonly hurt: boolean;
};

/** A check of one part of the data of all points up to entry `upTo`. */
export type PartCheck = {
  readonly part: readonly [number, number];
  readonly startedAt: string;
  readonly upTo: number;
};

/** A checkpoint, with the number of its entry. */
export type Checkpoint = {
  readonly seq: number;
  readonly at: string;
  readonly disks: readonly CheckpointDisk[];
};

/** The open session of a lane. */
export type OpenSession = {
  readonly id: SessionId;
  readonly lane: Lane;
  /** The entry that opened it. */
  readonly seq: number;
  readonly openedAt: string;
  readonly host: string;
  readonly base: PointId | null;
  /** What it took over from the session that it closed. */
  readonly adopted: Checkpoint | null;
  /** The latest one of its own. */
  readonly checkpoint: Checkpoint | null;
  readonly dateDoubtful: boolean;
};

/** What the log's dates say about clocks. */
export type ClockState = {
  /** The newest time that was believed. */
  readonly trustedAt: string;
  /** The first entry since the last confirmation whose clock was not believed; null when there is none. */
  readonly doubtfulSinceSeq: number | null;
};

declare const brand: unique symbol;
/** A segment of a machine: disk, kind and segment id. */
export type SegmentKey = string & { readonly [brand]: "SegmentKey" };

/**
 * What a machine's log says, up to and with entry `seq`: the state that all readers of that prefix agree on. It never
 * changes; a newer fold is another value.
 */
export type Fold = {
  readonly seq: number;
  /** SHA-256 (hex) of the object of entry `seq`. */
  readonly hash: string;
  readonly machine: MachineDefinition;
  /** All points that are not purged. */
  readonly points: FoldMap<PointId, PointState>;
  readonly backup: OpenSession | null;
  readonly maintenance: OpenSession | null;
  /** Current generations, where they are not the first. See `currentGeneration`. */
  readonly generations: FoldMap<SegmentKey, GenerationId>;
  /** Slots of current generations that the log calls damaged. */
  readonly damaged: FoldMap<SegmentKey, SlotRanges>;
  /** The key store whose word counts; null while there was none. */
  readonly keyStore: KnownKeyStore | null;
  /** The newest receipt of each key store, by its id. */
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** The latest check of each part of the data, by `3/7`. */
  readonly checks: ReadonlyMap<string, PartCheck>;
  /** The newest generation of the keyring that any entry named. */
  readonly keyring: KeyringRef;
  readonly clock: ClockState;
};

export function segmentKey(disk: DiskId, kind: SegmentKind, segment: SegmentId): SegmentKey {
  return `${disk}/${kind}/${segment}` as SegmentKey;
}

/** The generation that holds a segment, as far as the log says. */
export function currentGeneration(fold: Fold, disk: DiskId, kind: SegmentKind, segment: SegmentId): GenerationId {
  return fold.generations.get(segmentKey(disk, kind, segment)) ?? firstGeneration;
}
