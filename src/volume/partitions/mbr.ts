import { isZero } from "#bytes/arrays.ts";
import { parseFatBoot } from "#volume/filesystem/fat-boot.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { isPowerOfTwo } from "#volume/filesystem/recognised.ts";

const ENTRIES_AT = 446;
const PROTECTIVE = 0xee;
const EXTENDED = [0x05, 0x0f, 0x85];

/** An entry of a table as it is; sectors are not checked. */
export type MbrEntry = {
  readonly bootable: boolean;
  readonly type: number;
  readonly firstSector: number;
  readonly sectors: number;
};

/** What the first sector of a disk is. */
export type FirstSector =
  /** Begins something else that is told by this sector: a file system, or an encrypted volume. */
  | { readonly kind: "other" }
  /** No mark of a table. */
  | { readonly kind: "none" }
  /** A table. */
  | {
      readonly kind: "mbr";
      /** Null where it is zero. */
      readonly signature: string | null;
      /** The four of the table, unused ones too. */
      readonly entries: readonly MbrEntry[];
      /** The sector would also do as the first one of a file system. */
      readonly isFileSystemToo: boolean;
    };

export const isExtended = ({ type }: MbrEntry): boolean => EXTENDED.includes(type);
export const isProtective = ({ type }: MbrEntry): boolean => type === PROTECTIVE;
export const isUsed = ({ type, sectors }: MbrEntry): boolean => type !== 0 && sectors > 0;

/**
 * Tells a partition table from a file system. Boot sectors end with 55 AA too, and tools that write a table keep what a file
 * system has in front of it: so a table counts in spite of that when its entries could be nothing else, as it does for Linux.
 *
 * @param sector       the first 512 bytes or more; null is "too short"
 * @param diskSectors  entries that end behind it make a table doubtful
 * @see UEFI 2.10, section 5.2.1; Linux block/partitions/msdos.c for what is taken for a table in the field
 */
export function parseFirstSector(sector: Uint8Array, diskSectors: number): FirstSector {
  if (sector.length < 512) return { kind: "none" };
  const at = new Fields(sector);
  // LUKS fills the sector with its header, BitLocker with its boot code: neither leaves room for a table
  if (at.is(0, "LUKS\xba\xbe") || at.is(0, "SKUL\xba\xbe") || at.is(3, "-FVE-FS-")) return { kind: "other" };
  const isFileSystem = isFileSystemStart(at);
  const withoutTable = { kind: isFileSystem ? "other" : "none" } as const;
  if (at.u16(510) !== 0xaa55) return withoutTable;

  const flags = [0, 1, 2, 3].map((index) => at.u8(ENTRIES_AT + 16 * index));
  const areFlags = flags.every((flag) => flag === 0 || flag === 0x80);
  const entries = parseEntries(sector);
  if (!areFlags || (isFileSystem && !isCertainTable(entries, diskSectors))) return withoutTable;
  const signature = at.u32(440);
  // an empty table is one when something gave it a signature; syslinux, say, ends its boot sector with 55 AA too, and a
  // damaged boot sector still begins with its jump
  if (!entries.some(isUsed) && (signature === 0 || isJump(at))) return { kind: "none" };
  return {
    kind: "mbr",
    signature: signature === 0 ? null : signature.toString(16).padStart(8, "0"),
    entries,
    isFileSystemToo: isFileSystem,
  };
}

/** The four entries of a table, of an MBR or of a link of the chain of logical partitions. */
export function parseEntries(sector: Uint8Array): MbrEntry[] {
  return [0, 1, 2, 3].map((index) => {
    const entry = new Fields(sector.subarray(ENTRIES_AT + 16 * index, ENTRIES_AT + 16 * index + 16));
    return { bootable: entry.u8(0) === 0x80, type: entry.u8(4), firstSector: entry.u32(8), sectors: entry.u32(12) };
  });
}

/** Entries that boot code or text could hardly be: all on the disk, none at its first sector, none over another. */
function isCertainTable(entries: readonly MbrEntry[], diskSectors: number): boolean {
  const used = entries.filter(isUsed).toSorted((a, b) => a.firstSector - b.firstSector);
  let end = 1;
  for (const { firstSector, sectors, type } of used) {
    // a protective entry may end where the disk once did, or at 2^32
    if (firstSector < end || (firstSector + sectors > diskSectors && type !== PROTECTIVE)) return false;
    end = firstSector + sectors;
  }
  return used.length > 0;
}

/** The mark of XFS or ReFS, or the fields of FAT, NTFS or exFAT: less strictly than their readers see them, for damaged ones. */
function isFileSystemStart(at: Fields): boolean {
  if (at.is(0, "XFSB") || at.is(3, "ReFS\0\0\0\0") || at.is(3, "NTFS    ") || at.is(3, "EXFAT   ")) return true;
  if (parseFatBoot(at.bytes.subarray(0, 512)) !== null) return true;
  const isSector = [512, 1024, 2048, 4096].includes(at.u16(11));
  return (
    isJump(at) && isSector && isPowerOfTwo(at.u8(13)) && at.u16(14) > 0 && !isZero(at.part(3, 8)) && at.u8(21) >= 0xf0
  );
}

/** Boot sectors of file systems begin with a jump over their fields. */
function isJump(at: Fields): boolean {
  return (at.u8(0) === 0xeb && at.u8(2) === 0x90) || at.u8(0) === 0xe9;
}
