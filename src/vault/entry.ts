import type { KeyringRef } from "#vault/entry-fields.ts";
import type { DiskId, GenerationId, PointId, SegmentId, SessionId } from "#vault/ids.ts";
import type { MachineDefinition } from "#vault/machine-definition.ts";
import type { SegmentKind } from "#vault/object-keys.ts";

/*
 * What a machine's log holds. docs/format/log.md says what each entry means and when it counts. Instants are RFC 3339 in
 * UTC; a root is a block tree's pointer in base64, null for a disk of zeros.
 */

/** The two kinds of sessions; at most one of each is open. */
export type Lane = "backup" | "maintenance";

/** How a point's disks were when they were read. */
export type Consistency = "offline" | "application" | "crash" | "torn";

/** How far a backup session has come with one disk. */
export type CheckpointDisk = { readonly disk: DiskId; readonly sizeBytes: number; readonly root: string | null };

/** One disk of a point. */
export type PointDisk = {
  readonly disk: DiskId;
  readonly name: string;
  readonly sizeBytes: number;
  readonly root: string | null;
  readonly capturedFrom: string;
  readonly capturedTo: string;
  /** Bytes that are not zeros. */
  readonly dataBytes: number;
};

/** What an entry of type "point" says about the point. */
export type PointRecord = {
  readonly session: SessionId;
  readonly point: PointId;
  readonly capturedAt: string;
  readonly consistency: Consistency;
  /** The point that it was compared with. */
  readonly base: PointId | null;
  readonly disks: readonly PointDisk[];
  /** SHA-256 (hex) of the object that holds the point's body. */
  readonly body: { readonly sha256: string };
  readonly readBytes: number;
  readonly newBytes: number;
  readonly storedBytes: number;
  readonly unreadableBytes: number;
};

/** A segment that got a new generation. */
export type Replacement = {
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly from: GenerationId;
  readonly to: GenerationId;
  /** Damaged slots whose content is whole again in `to`. */
  readonly heals: readonly number[];
  /** Damaged slots that no root reaches any more and that `to` does not have. */
  readonly drops?: readonly number[] | undefined;
};

/** Slots of a segment: first slot and count of each range, in order, not touching. */
export type SlotRanges = readonly (readonly [first: number, count: number])[];

/** Slots that were found unreadable in one generation of a segment. */
export type Damage = {
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly generation: GenerationId;
  readonly slots: SlotRanges;
};

/** The part of an entry that its writer composes. */
export type EntryDraft =
  | { readonly type: "machine"; readonly machine: MachineDefinition }
  | {
      readonly type: "opened";
      readonly lane: Lane;
      /** 8 random bytes (hex). With the entry's number they are the session's id. */
      readonly nonce: string;
      readonly base: PointId | null;
      readonly adopts: { readonly session: SessionId; readonly checkpointSeq: number } | null;
      readonly closes: SessionId | null;
    }
  | { readonly type: "checkpoint"; readonly session: SessionId; readonly disks: readonly CheckpointDisk[] }
  | { readonly type: "closed"; readonly session: SessionId }
  | ({ readonly type: "point" } & PointRecord)
  | { readonly type: "deleted"; readonly point: PointId; readonly by: "rule" | "person"; readonly reason: string }
  | { readonly type: "undeleted"; readonly point: PointId; readonly deletion: number }
  | { readonly type: "purged"; readonly point: PointId; readonly deletion: number; readonly session: SessionId }
  | {
      readonly type: "replaced";
      readonly session: SessionId;
      readonly disk: DiskId;
      readonly items: readonly Replacement[];
    }
  | { readonly type: "damaged"; readonly disk: DiskId; readonly items: readonly Damage[] }
  | { readonly type: "keyring"; readonly generation: number; readonly hash: string }
  | { readonly type: "clock"; readonly confirmedAt: string };

/** What every entry says about itself. */
export type EntryHead = {
  /** The entry's number in its log, from 1. */
  readonly seq: number;
  /** SHA-256 (hex) of the object of the entry before; null in the first one. */
  readonly previous: string | null;
  /** By the writer's clock. */
  readonly at: string;
  readonly host: string;
  /** The writer's version. */
  readonly program: string;
  /** The keyring that the writer had opened. */
  readonly keyring: KeyringRef;
};

/** An entry that changes nothing for a reader that does not know its type. */
export type UnknownEntry = { readonly type: "unknown" };

export type Entry = EntryHead & (EntryDraft | UnknownEntry);
export type EntryOf<Type extends Entry["type"]> = Extract<Entry, { type: Type }>;

/** An entry as it lies in the log. */
export type LoggedEntry = {
  readonly entry: Entry;
  /** SHA-256 (hex) of its object. */
  readonly hash: string;
};
