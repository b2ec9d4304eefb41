import { isZero } from "#bytes/arrays.ts";
import { LockstepError } from "#errors/errors.ts";
import {
  gptTable,
  isOfThisDisk,
  isValid,
  readGptCopies,
  readGptHeaders,
  type GptCopies,
  type GptHeaders,
} from "#volume/partitions/gpt-copies.ts";
import { UNREADABLE } from "#volume/partitions/gpt.ts";
import { readMbrTable } from "#volume/partitions/mbr-table.ts";
import { isProtective, isUsed, parseFirstSector, type FirstSector } from "#volume/partitions/mbr.ts";
import type { PartitionTable, TableProblem } from "#volume/partitions/partition.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

export type { Partition, PartitionTable, TableProblem } from "#volume/partitions/partition.ts";

/** An entry that means "to the end, wherever that is". */
const UNTIL_END = 0xffff_ffff;

/**
 * Reads the partition table of a disk: GPT, from its second copy where the first is damaged or gone, or MBR. Where the source
 * does not say its sector size, 512 is tried before 4096.
 *
 * An MBR without a protective entry counts more than a GPT beside it, as it does for Linux. A second GPT alone counts only
 * where the disk's start is blank or has remains of the first. Entries that overlap, run backwards or lie beyond the disk become problems and are not
 * among the partitions. Reads 2 MiB and a few sectors at most, and a sector a logical partition, 128 at most.
 *
 * @returns null where there is no table: nothing, a file system's boot sector, or an encrypted volume. A table may have no
 *   partitions, and then the disk may be in use as a whole
 * @throws {LockstepError} HEADER_CORRUPT: a protective MBR, and no good copy of the GPT that it stands for · what the source
 *   throws, but DISK_UNREADABLE in a copy of the GPT: that copy is damaged
 */
export async function readPartitionTable(source: VolumeSource, signal: AbortSignal): Promise<PartitionTable | null> {
  const start = await readUpTo(source, 0, 512, signal);
  const first = parseFirstSector(start, Math.floor(source.sizeBytes / 512));
  if (first.kind === "other") return null;
  const protective = first.kind === "mbr" ? first.entries.find(isProtective) : undefined;
  const problems: TableProblem[] = [];
  if (first.kind === "mbr" && first.isFileSystemToo) {
    const message = "the first sector would also do as that of a file system, over which the table was written";
    problems.push({ code: "BOOT_SECTOR_TOO", message });
  }

  const copies = await readSomeGpt(source, protective !== undefined, oldLast(first), signal);
  const isGpt = protective !== undefined || (await standsAlone(source, first, copies, signal));
  const table = isGpt ? gptTable(copies, source.sizeBytes, problems) : null;
  if (table !== null) {
    if (protective === undefined) {
      problems.push({ code: "PROTECTIVE_MBR_MISSING", message: "there is no protective MBR before the GPT" });
    } else if (first.kind === "mbr" && first.entries.some((entry) => isUsed(entry) && !isProtective(entry))) {
      problems.push({ code: "HYBRID_MBR", message: "the MBR has partitions of its own, which were not read" });
    }
    if (source.sectorBytes !== null && source.sectorBytes !== table.sectorBytes) {
      const sizes = `${table.sectorBytes}-byte sectors; the device has ${source.sectorBytes}-byte ones`;
      problems.push({ code: "SECTOR_SIZE_GUESSED", message: `the GPT is written for ${sizes}` });
    }
    return table;
  }
  if (first.kind !== "mbr") return null;
  const isProtectiveOnly = first.entries.every((entry) => !isUsed(entry) || isProtective(entry));
  if (protective !== undefined && isProtectiveOnly) throw noGoodCopy(copies);
  const isSigned =
    copies.first.state !== "absent" && !(copies.first.state === "damaged" && copies.first.why === UNREADABLE);
  if (isSigned || protective !== undefined) {
    const why = protective === undefined ? "the MBR does not point to it" : "neither of its copies is good";
    problems.push({ code: "GPT_IGNORED", message: `there is a GPT too, but ${why}: the MBR was read` });
  }
  const sectorBytes = source.sectorBytes ?? (await guessSectorBytes(source, first, problems, signal));
  return readMbrTable(source, first, sectorBytes, problems, signal);
}

/**
 * The copies by the sector size for which there is a valid header, else a signature, else the one that was tried first. A size
 * that is not the device's is tried only where an MBR says that there is a GPT.
 */
async function readSomeGpt(
  source: VolumeSource,
  isPromised: boolean,
  last: number | null,
  signal: AbortSignal,
): Promise<GptCopies> {
  const known = source.sectorBytes ?? 512;
  const first = await readGptHeaders(source, known, last, signal);
  const found: GptHeaders[] = [first];
  if (source.sectorBytes === null || isPromised) {
    found.push(await readGptHeaders(source, known === 512 ? 4096 : 512, last, signal));
  }
  const best =
    found.find((each) => isValid(each.first) || isValid(each.second)) ??
    found.find((each) => each.first !== null || each.second !== null) ??
    first;
  return readGptCopies(source, best, signal);
}

/** Whether a GPT without a protective MBR is the disk's table. */
async function standsAlone(
  source: VolumeSource,
  first: FirstSector,
  copies: GptCopies,
  signal: AbortSignal,
): Promise<boolean> {
  if (first.kind === "mbr" && first.entries.some(isUsed)) return false;
  if (copies.first.state === "good") return true;
  if (copies.second.state !== "good") return false;
  return isOfThisDisk(source, copies.second, signal);
}

/** The last sector of the disk when the protective MBR was written. */
function oldLast(first: FirstSector): number | null {
  if (first.kind !== "mbr") return null;
  const entry = first.entries.find(isProtective);
  if (entry === undefined || entry.sectors === UNTIL_END || entry.sectors === 0) return null;
  return entry.firstSector + entry.sectors - 1;
}

/**
 * Nothing says the sector size, and an MBR does not either. 512 unless nothing is at any partition's start by that, and
 * something is by 4096, with which the disk has room for all.
 */
async function guessSectorBytes(
  source: VolumeSource,
  mbr: FirstSector & { readonly kind: "mbr" },
  problems: TableProblem[],
  signal: AbortSignal,
): Promise<number> {
  const used = mbr.entries.filter(isUsed);
  const areWithin = used.every(({ firstSector, sectors }) => (firstSector + sectors) * 4096 <= source.sizeBytes);
  const isSomething = async (sectorBytes: number): Promise<boolean> => {
    for (const { firstSector } of used) {
      if (!isZero(await readUpTo(source, firstSector * sectorBytes, 4096, signal))) return true;
    }
    return false;
  };
  if (!areWithin || (await isSomething(512)) || !(await isSomething(4096))) return 512;
  const message = "nothing says the sector size: partitions begin with data if it is 4096, and with zeros if it is 512";
  problems.push({ code: "SECTOR_SIZE_GUESSED", message });
  return 4096;
}

function noGoodCopy({ first, second }: GptCopies): LockstepError {
  const found = [first, second].map((copy) => (copy.state === "damaged" ? `damaged (${copy.why})` : "missing"));
  return new LockstepError(
    "HEADER_CORRUPT",
    `partition table: the MBR stands for a GPT; its first copy at sector 1 is ${found[0]}, its second ${found[1]}`,
  );
}
