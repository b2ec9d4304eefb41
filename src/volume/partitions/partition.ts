import type { Place } from "#volume/source/source.ts";

/** A partition that may be looked into. Texts are made visible. */
export type Partition = {
  /** As Linux counts: GPT by entry from 1; MBR 1 to 4, logical ones from 5 on. */
  readonly number: number;
  /** GPT only; null where it is empty. */
  readonly name: string | null;
  readonly typeText: string;
  /** GPT: the type's GUID in lower case; MBR: `0x83`. */
  readonly typeId: string;
  /** GPT: its own GUID; MBR: the disk's signature and the number, as Linux writes it; null where there is no signature. */
  readonly uuid: string | null;
  readonly place: Place;
  /** GPT: the attribute for legacy BIOS; MBR: the active flag. */
  readonly bootable: boolean;
};

/** Something wrong with a partition table. Codes are stable. Entries that a problem names are not among the partitions. */
export type TableProblem = {
  readonly code:
    /** One copy of a GPT is damaged or gone; the other was read. */
    | "COPY_DAMAGED"
    /** Both copies of a GPT are good and say different things; the first was read. */
    | "COPIES_DIFFER"
    /** The second copy is not at the end of the disk: the disk grew, or is an image with something behind it. */
    | "COPY_NOT_AT_END"
    | "ENTRY_BACKWARDS"
    | "ENTRY_OUT_OF_RANGE"
    | "ENTRY_OVERLAPS"
    /** Beyond what the header calls usable, but on the disk: followed, as the kernels do. */
    | "ENTRY_NOT_USABLE"
    /** Two partitions have the same id; both are followed. */
    | "ENTRY_ID_TWICE"
    /** Entries behind the last that systems read. */
    | "TOO_MANY_ENTRIES"
    /** The chain of logical partitions is cut, leads in a circle or out of its partition, or is too long. */
    | "CHAIN_BROKEN"
    | "PROTECTIVE_MBR_MISSING"
    /** The MBR has partitions of its own beside those of the GPT; the GPT was read. */
    | "HYBRID_MBR"
    /** There is a GPT that the MBR does not point to, or that is damaged: the MBR was read. */
    | "GPT_IGNORED"
    /** The table lies where it would with another sector size than the device has, or nothing said which it is. */
    | "SECTOR_SIZE_GUESSED"
    /** The first sector would also do as that of a file system, or has a LUKS header: the table was written over it. */
    | "BOOT_SECTOR_TOO";
  readonly message: string;
};

export type PartitionTable = {
  readonly kind: "gpt" | "mbr";
  readonly sectorBytes: number;
  /** GPT: the disk's GUID; MBR: its signature as 8 hexadecimal digits; null where it is zero. */
  readonly id: string | null;
  /** In the order of their numbers. */
  readonly partitions: readonly Partition[];
  readonly problems: readonly TableProblem[];
  /** Which copies of the table are good; an MBR has no copy. */
  readonly copies: "both good" | "only the first good" | "only the second good" | "differ" | "not kept";
};

/**
 * The partitions that do not overlap one another. Of two that do both are left out, since nothing says which is right; a
 * problem names them.
 */
export function withoutOverlaps(partitions: readonly Partition[], problems: TableProblem[]): Partition[] {
  const left = new Set(partitions);
  let last: Partition | undefined;
  for (const each of partitions.toSorted((a, b) => a.place.offsetBytes - b.place.offsetBytes)) {
    if (last !== undefined && each.place.offsetBytes < endOf(last)) {
      left.delete(last);
      left.delete(each);
      problems.push({ code: "ENTRY_OVERLAPS", message: `partitions ${last.number} and ${each.number} overlap` });
    }
    if (last === undefined || endOf(each) > endOf(last)) last = each;
  }
  return partitions.filter((each) => left.has(each));
}

/** The byte behind a partition. */
export function endOf({ place }: Partition): number {
  return place.offsetBytes + place.lengthBytes;
}
