import type { Place, VolumeSource } from "#volume/source/source.ts";

/**
 * How far the recognised structure was verified. `checksum`: a checksum of the format fits (of NTFS, which has none: the
 * update sequence of its first file record). `structure`: all fields that were looked at are possible and agree.
 * `magic only`: the mark is there, and nothing else was shown or something does not fit.
 */
export type Verified = "checksum" | "structure" | "magic only";

/** Something about a content that somebody should know. Codes are stable. */
export type ContentProblem = {
  readonly code:
    /** The structure at the first place is damaged or gone, and a copy was read. */
    | "COPY_DAMAGED"
    /** Its checksum does not fit, and no copy was better. */
    | "CHECKSUM_WRONG"
    /** Two parts of it contradict one another. */
    | "INCONSISTENT"
    /** It says that it is larger than the volume. */
    | "BEYOND_VOLUME"
    /** The mark of another format is there too. */
    | "OTHER_SIGNATURE";
  readonly message: string;
};

/** A part of a physical volume that a logical volume has, or why it is not read. */
export type LogicalVolume = {
  readonly name: string;
  readonly uuid: string | null;
  readonly sizeBytes: number | null;
  /** False for parts of other volumes: pool data, copy-on-write stores and such. */
  readonly visible: boolean;
  /** In the physical volume's place, in the order of the logical volume; null where it is not plainly one here. */
  readonly stretches: readonly Place[] | null;
  /** Why `stretches` is null, in words. */
  readonly reason: string | null;
};

/** What the content of a plain volume was recognised as. Texts come from the guest and are made visible. */
export type Recognised = {
  readonly kind: "file system" | "swap" | "lvm" | "member" | "partition table";
  /** As blkid calls it where it knows it: `ext4`, `xfs`, `btrfs`, `ntfs`, `vfat`, `exfat`, `swap`, `LVM2_member`, `gpt`, … */
  readonly type: string;
  /** More exactly where the type alone does not say: `FAT32`, `swap, page size 4096`; null elsewhere. */
  readonly variant: string | null;
  readonly label: string | null;
  /** As the format writes it; a serial number for the Microsoft ones. */
  readonly uuid: string | null;
  /** Bytes of this volume that it says it takes; null where it does not say or was not asked. */
  readonly sizeBytes: number | null;
  readonly verified: Verified;
  /** Where the structure that was read begins, and whether it is the first or a copy. */
  readonly copy: { readonly which: "first" | "backup"; readonly offsetBytes: number };
  readonly problems: readonly ContentProblem[];
  /** Name of the volume group and what is in it; null for all but LVM. */
  readonly lvm: { readonly group: string | null; readonly logicalVolumes: readonly LogicalVolume[] } | null;
};

/** A format that volumes are searched for. Both functions give null where there is none, and throw only what the source throws. */
export type ContentFormat = {
  readonly name: string;
  /** By the structure at its first place; reads the copies only where that one is there and damaged. */
  find(source: VolumeSource, signal: AbortSignal): Promise<Recognised | null>;
  /** By the copies alone, where nothing is left at the first place. */
  findCopy(source: VolumeSource, signal: AbortSignal): Promise<Recognised | null>;
};

/** For formats without copies. */
export const noCopy = (): Promise<null> => Promise.resolve(null);

/** A recognised content that came from a copy, with the reason. */
export function fromCopy(found: Recognised, offsetBytes: number, first: string): Recognised {
  const message = `${first}; read from the copy at byte ${offsetBytes}`;
  return {
    ...found,
    copy: { which: "backup", offsetBytes },
    problems: [{ code: "COPY_DAMAGED", message }, ...found.problems],
  };
}

/** The problem of a content that is larger than its volume, where it is. */
export function beyond(sizeBytes: number | null, source: VolumeSource, what: string): readonly ContentProblem[] {
  if (sizeBytes === null || sizeBytes <= source.sizeBytes) return [];
  const message = `${what} says that it takes ${sizeBytes} bytes; the volume has ${source.sizeBytes}`;
  return [{ code: "BEYOND_VOLUME", message }];
}

/** An exact number, null where it would be rounded. */
export function exact(value: bigint): number | null {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

/** True for 1, 2, 4, … */
export function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 0x4000_0000 && (value & (value - 1)) === 0;
}
