import type { LockstepError } from "#errors/errors.ts";
import type { JsonObject } from "#volume/luks2/json.ts";

/** The meaning of a LUKS2 header's JSON, as written: each value has its type, and nothing was compared with anything else. */
export type Luks2Metadata = {
  /** In the order of their numbers, as all lists here. */
  readonly keyslots: readonly Luks2Keyslot[];
  readonly tokens: readonly Luks2Token[];
  readonly segments: readonly Luks2Segment[];
  readonly digests: readonly Luks2Digest[];
  readonly config: Luks2Config;
};

export type Luks2Config = {
  /** Of one header's JSON area. */
  readonly jsonBytes: bigint;
  /** Of all keyslot areas together. */
  readonly keyslotsBytes: bigint;
  /** Mandatory requirements: what a reader must know, or leave the volume alone. */
  readonly requirements: readonly string[];
};

export type Luks2Keyslot = {
  readonly number: number;
  readonly type: string;
  /** Of the key in it. */
  readonly keyBytes: number;
  /** `ignore`: tried only where somebody asks for it. */
  readonly priority: "prefer" | "normal" | "ignore";
  readonly area: { readonly type: string; readonly offsetBytes: bigint; readonly lengthBytes: bigint };
  readonly content: Luks2KeyslotContent;
  /** As in the header, for identities of what is not understood here. */
  readonly json: JsonObject;
};

export type Luks2KeyslotContent =
  | {
      readonly kind: "volume key";
      readonly kdf: Luks2Kdf;
      readonly afHash: string;
      /** dm-crypt's way to write a cipher. */
      readonly areaCipher: string;
      /** Of the area's key, which the derivation gives. */
      readonly areaKeyBytes: bigint;
    }
  | {
      readonly kind: "conversion";
      readonly mode: "encrypt" | "reencrypt" | "decrypt";
      readonly direction: "forward" | "backward";
      /** For resilience by checksums; null elsewhere. */
      readonly checksum: { readonly hash: string; readonly sectorBytes: number } | null;
      /** For resilience by shifting data; null elsewhere. */
      readonly shiftBytes: bigint | null;
    }
  | { readonly kind: "unknown" };

/** Numbers as written: they may be senseless, which shows when the keyslot is tried. */
export type Luks2Kdf =
  | { readonly kind: "pbkdf2"; readonly hash: string; readonly iterations: bigint; readonly salt: string }
  | {
      readonly kind: "argon2i" | "argon2id";
      readonly passes: bigint;
      readonly memoryKiB: bigint;
      readonly lanes: bigint;
      readonly salt: string;
    }
  | { readonly kind: "unknown"; readonly type: string };

export type Luks2Token = { readonly number: number; readonly type: string; readonly keyslots: readonly number[] };

export type Luks2Segment = {
  readonly number: number;
  readonly type: string;
  /** On the data device. */
  readonly offsetBytes: bigint;
  /** null: up to the data device's end. */
  readonly lengthBytes: bigint | null;
  readonly flags: readonly string[];
  /** How it is encrypted by dm-crypt; null where it is not. */
  readonly crypt: Luks2Crypt | null;
};

export type Luks2Crypt = {
  /** dm-crypt's way to write it. */
  readonly cipher: string;
  readonly sectorBytes: number;
  /** Added to the sector number for initial vectors, in 512 bytes. */
  readonly ivTweak: bigint;
  /** Type of the integrity tags; null where there are none. */
  readonly integrity: string | null;
};

export type Luks2Digest = {
  readonly number: number;
  readonly type: string;
  readonly keyslots: readonly number[];
  readonly segments: readonly number[];
  /** null where its type is not known, or where it is damaged. */
  readonly pbkdf2: {
    readonly hash: string;
    readonly iterations: bigint;
    /** Base64, as written. */
    readonly salt: string;
    readonly digest: string;
  } | null;
  /** What is damaged in it; null where nothing is. cryptsetup finds that only when it verifies a key. */
  readonly fault: LockstepError | null;
  /** As in the header, for identities of what is not understood here. */
  readonly json: JsonObject;
};

/** True for a segment that only says how things were, or will be, around a conversion. */
export function isBackup(segment: Luks2Segment): boolean {
  return segment.flags.some((flag) => flag.startsWith("backup-"));
}

/** The segments that the volume consists of now. */
export function dataSegments(metadata: Luks2Metadata): readonly Luks2Segment[] {
  return metadata.segments.filter((segment) => !isBackup(segment));
}

/** The digests that say which keys belong to a segment. */
export function digestsOf(metadata: Luks2Metadata, segment: Luks2Segment): readonly Luks2Digest[] {
  return metadata.digests.filter((digest) => digest.segments.includes(segment.number));
}
