import { crc32 } from "node:zlib";

import { isZero } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { exact } from "#volume/filesystem/recognised.ts";
import { gptTypeText } from "#volume/partitions/partition-types.ts";
import type { Partition, TableProblem } from "#volume/partitions/partition.ts";
import { guidText } from "#volume/source/guid-text.ts";
import { readUpToOrNull, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf16 } from "#volume/source/visible-text.ts";

const HEADER_BYTES = 92;
const ENTRY_BYTES = 128;
/** Of an array of entries; the usual one has 16 KiB. More is not read. */
const MAX_ARRAY_BYTES = 1024 * 1024;
/** Linux has no more partitions of a disk either. */
const MAX_PARTITIONS = 256;
const LEGACY_BOOTABLE = 4n;
/** What is wrong with a header whose sector the medium refuses, so that nobody knows whether it is one. */
export const UNREADABLE = "its sector cannot be read";

/** A header whose checksum fits and whose numbers are possible. Sectors are exact numbers. */
export type GptHeader = {
  readonly sectorBytes: number;
  readonly at: number;
  readonly otherAt: number;
  readonly firstUsable: number;
  readonly lastUsable: number;
  readonly diskId: string;
  readonly entriesAt: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
};

/** What is at a place where a copy of the table may be. */
export type GptCopy =
  | { readonly state: "absent" }
  | { readonly state: "damaged"; readonly why: string }
  | { readonly state: "good"; readonly header: GptHeader; readonly entries: Uint8Array };

/**
 * Parses a GPT header and verifies its checksum. Does not verify its entries: see `readGptEntries`.
 *
 * @param sector       one sector, from the signature on
 * @param at           its number, which the header must repeat
 * @param diskSectors  size of the disk
 * @returns            null without the signature; a text says what is wrong with one that has it
 * @see UEFI 2.10, section 5.3.2
 */
function parseGptHeader(sector: Uint8Array, at: number, diskSectors: number): GptHeader | string | null {
  const fields = new Fields(sector);
  if (sector.length < 512 || !fields.is(0, "EFI PART")) return null;
  const headerBytes = fields.u32(12);
  if (headerBytes < HEADER_BYTES || headerBytes > sector.length) return `a header of ${headerBytes} bytes`;
  const withoutCrc = sector.slice(0, headerBytes).fill(0, 16, 20);
  if (crc32(withoutCrc) !== fields.u32(16)) return "the checksum of the header is wrong";
  if (fields.u64(24) !== BigInt(at)) return `the header belongs to sector ${fields.u64(24)}`;

  const [otherAt, firstUsable, lastUsable] = [exact(fields.u64(32)), exact(fields.u64(40)), exact(fields.u64(48))];
  const [entriesAt, entryCount, entryBytes] = [exact(fields.u64(72)), fields.u32(80), fields.u32(84)];
  if (otherAt === null || firstUsable === null || lastUsable === null || entriesAt === null) {
    return "a sector number that no disk has";
  }
  if (firstUsable > lastUsable) return `no usable sectors: the first is ${firstUsable}, the last ${lastUsable}`;
  if (entryBytes < ENTRY_BYTES || !Number.isInteger(Math.log2(entryBytes))) return `entries of ${entryBytes} bytes`;
  const arrayBytes = entryCount * entryBytes;
  if (arrayBytes > MAX_ARRAY_BYTES) return `${entryCount} entries of ${entryBytes} bytes are more than is read here`;
  if (entriesAt === 0 || entriesAt + arrayBytes / sector.length > diskSectors) return "the entries lie beyond the disk";
  return {
    sectorBytes: sector.length,
    at,
    otherAt,
    firstUsable,
    lastUsable,
    diskId: guidText(fields.part(56, 16)),
    entriesAt,
    entryCount,
    entryBytes,
    entriesCrc: fields.u32(88),
  };
}

/** Reads the header at a sector; null where no signature is, `UNREADABLE` where the medium refuses. */
export async function readGptHeader(
  source: VolumeSource,
  sectorBytes: number,
  at: number,
  signal: AbortSignal,
): Promise<GptHeader | string | null> {
  const sector = await readUpToOrNull(source, at * sectorBytes, sectorBytes, signal);
  if (sector === null) return UNREADABLE;
  if (sector.length < sectorBytes) return null;
  return parseGptHeader(sector, at, Math.floor(source.sizeBytes / sectorBytes));
}

/** Reads the entries of a header, 1 MiB at most, and verifies their checksum. */
export async function readGptEntries(
  source: VolumeSource,
  header: GptHeader | string | null,
  signal: AbortSignal,
): Promise<GptCopy> {
  if (header === null) return { state: "absent" };
  if (typeof header === "string") return { state: "damaged", why: header };
  const arrayBytes = header.entryCount * header.entryBytes;
  const entries = await readUpToOrNull(source, header.entriesAt * header.sectorBytes, arrayBytes, signal);
  if (entries === null) return { state: "damaged", why: "the entries cannot be read" };
  if (entries.length < arrayBytes) return { state: "damaged", why: "the entries are cut off" };
  if (crc32(entries) !== header.entriesCrc) return { state: "damaged", why: "the checksum of the entries is wrong" };
  return { state: "good", header, entries };
}

/**
 * The partitions of a table, those that can be: on the disk, not backwards, not over the tables themselves, and of its first
 * 256 entries. Overlaps among them are not looked for.
 *
 * @param reserved  runs of sectors that the tables take, the last one included
 * @see UEFI 2.10, section 5.3.3
 */
export function gptPartitions(
  { header, entries }: GptCopy & { readonly state: "good" },
  reserved: readonly (readonly [first: number, last: number])[],
  diskSectors: number,
  problems: TableProblem[],
): Partition[] {
  const partitions: Partition[] = [];
  const ids = new Set<string>();
  if (header.entryCount > MAX_PARTITIONS && !isZero(entries.subarray(MAX_PARTITIONS * header.entryBytes))) {
    const message = `there are entries behind the ${MAX_PARTITIONS}th, which are not read`;
    problems.push({ code: "TOO_MANY_ENTRIES", message });
  }
  for (let index = 0; index < Math.min(header.entryCount, MAX_PARTITIONS); index++) {
    const entry = new Fields(entries.subarray(index * header.entryBytes, index * header.entryBytes + ENTRY_BYTES));
    if (isZero(entry.part(0, 16))) continue;
    const number = index + 1;
    const [first, last] = [entry.u64(32), entry.u64(40)];
    const run = `sectors ${first} to ${last}`;
    if (first > last) {
      problems.push({ code: "ENTRY_BACKWARDS", message: `partition ${number}: ${run} run backwards` });
      continue;
    }
    if (last >= BigInt(diskSectors)) {
      const message = `partition ${number}: ${run} lie beyond the disk, which has ${diskSectors} sectors`;
      problems.push({ code: "ENTRY_OUT_OF_RANGE", message });
      continue;
    }
    if (reserved.some((each) => first <= BigInt(each[1]) && last >= BigInt(each[0]))) {
      const message = `partition ${number}: ${run} cover the partition table`;
      problems.push({ code: "ENTRY_OUT_OF_RANGE", message });
      continue;
    }
    if (first < BigInt(header.firstUsable) || last > BigInt(header.lastUsable)) {
      const usable = `${header.firstUsable} to ${header.lastUsable}`;
      problems.push({ code: "ENTRY_NOT_USABLE", message: `partition ${number}: ${run} are not all within ${usable}` });
    }
    const uuid = guidText(entry.part(16, 16));
    if (ids.has(uuid)) {
      problems.push({ code: "ENTRY_ID_TWICE", message: `partition ${number} has the id of another one, ${uuid}` });
    }
    ids.add(uuid);
    const typeId = guidText(entry.part(0, 16));
    partitions.push({
      number,
      name: visibleUtf16(entry.part(56, 72)) || null,
      typeText: gptTypeText(typeId),
      typeId,
      uuid,
      place: {
        offsetBytes: Number(first) * header.sectorBytes,
        lengthBytes: Number(last - first + 1n) * header.sectorBytes,
      },
      bootable: (entry.u64(48) & LEGACY_BOOTABLE) !== 0n,
    });
  }
  return partitions;
}
