import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { DiskId, GenerationId, PointId, SegmentId, SessionId } from "#vault/object/ids.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";

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

/** An encrypted volume of a point, by what is public of its header. docs/format/identities.md */
export type VolumeIdentities = {
  /** As the disk's volume map names it. */
  readonly name: string;
  readonly format: "luks1" | "luks2" | "bitlocker";
  readonly identity: string;
  readonly headerDigest: string;
  /** Fingerprints of its protectors. */
  readonly protectors: readonly string[];
};

/** What of a point's disk is encrypted. */
export type DiskVolumes = {
  readonly disk: DiskId;
  /** Null: the disk was not looked at, or could not be. */
  readonly encrypted: readonly VolumeIdentities[] | null;
  /** Volumes of which nobody knows whether they are encrypted, by their names. */
  readonly unknown: readonly string[];
};

/** What the key side last stated of an encrypted volume of a point. */
export type StatedVerdict = {
  readonly disk: DiskId;
  readonly volume: string;
  /** In the words of docs/format/statements.md. */
  readonly verdict: string;
  /** The key version that opened it: `web01/v1`; null where none did. */
  readonly version: string | null;
  /** By the key side's clock. */
  readonly at: string;
  /** When a key was last derived for it; null where none was. */
  readonly derivedAt: string | null;
  /** No real sample ever showed a volume in this state. */
  readonly unproven: boolean;
};

/** A verdict, and the statement that it is taken from. */
export type LoggedVerdict = StatedVerdict & {
  readonly point: PointId;
  /** The exact text that the key side signed. */
  readonly signed: string;
  /** Ed25519, in base64. */
  readonly signature: string;
};

/** What a key store was when a report reached it, signed by it: one that is rolled back later is noticed. */
export type Receipt = {
  /** The key store's id. */
  readonly store: string;
  readonly epoch: number;
  readonly at: string;
  /** Its audit log's newest entry, and the hash of that. */
  readonly auditSeq: number;
  readonly auditHash: string;
  /** The newest copy of the key store; 0: there was none. */
  readonly copy: number;
  /** Ed25519, in base64. */
  readonly signature: string;
};

/** The key store whose word counts in a log, as the log knows it. */
export type KnownKeyStore = {
  readonly store: string;
  /** What it signs with: Ed25519, 32 bytes in base64. */
  readonly signingKey: string;
  /** For how many days its proofs count. */
  readonly proofDays: number;
};

/** What a check of points found. */
export type CheckFinding = {
  /** The points that were checked; null: all that the log had up to entry `upTo`. */
  readonly points: readonly PointId[] | null;
  readonly upTo: number;
  /** Which of how many parts of the data were read, such as 3 of 7; null: none. */
  readonly part: readonly [number, number] | null;
  readonly startedAt: string;
  /** Those of them that cannot be given back as they were. */
  readonly hurt: readonly PointId[];
};

/** The part of an entry that its writer composes. A reader that does not know a type passes over it if it is `compatible`. */
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
  | {
      readonly type: "swept";
      readonly compatible: true;
      readonly session: SessionId;
      readonly disk: DiskId;
      readonly items: readonly (readonly [kind: SegmentKind, segment: SegmentId])[];
    }
  | {
      readonly type: "volumes";
      readonly compatible: true;
      readonly items: readonly { readonly point: PointId; readonly disks: readonly DiskVolumes[] }[];
    }
  | ({ readonly type: "keystore"; readonly compatible: true } & KnownKeyStore)
  | { readonly type: "verdict"; readonly compatible: true; readonly items: readonly LoggedVerdict[] }
  | { readonly type: "receipt"; readonly compatible: true; readonly receipt: Receipt }
  | ({ readonly type: "checked"; readonly compatible: true } & CheckFinding)
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
