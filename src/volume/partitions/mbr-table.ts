import { isZero } from "#bytes/arrays.ts";
import {
  isExtended,
  isProtective,
  isUsed,
  parseEntries,
  type FirstSector,
  type MbrEntry,
} from "#volume/partitions/mbr.ts";
import { mbrTypeText } from "#volume/partitions/partition-types.ts";
import {
  withoutOverlaps,
  type Partition,
  type PartitionTable,
  type TableProblem,
} from "#volume/partitions/partition.ts";
import { readUpToOrNull, type VolumeSource } from "#volume/source/source.ts";

/** What the walk along the chains has come to. */
type Walk = { links: number; nextNumber: number; readonly found: Partition[] };

/** Links of the chain of logical partitions that are followed, all extended partitions together. */
const MAX_LINKS = 128;

type Mbr = FirstSector & { readonly kind: "mbr" };

/** Where an entry's numbers count from, and what they may reach. Sectors, ends not included. */
type Bounds = { readonly base: number; readonly first: number; readonly end: number };

/** Reads the table of an MBR and the chains of its extended partitions, a sector a logical partition. */
export async function readMbrTable(
  source: VolumeSource,
  mbr: Mbr,
  sectorBytes: number,
  problems: TableProblem[],
  signal: AbortSignal,
): Promise<PartitionTable> {
  const disk = { base: 0, first: 1, end: Math.floor(source.sizeBytes / sectorBytes) };
  const primary: Partition[] = [];
  const walk: Walk = { links: 0, nextNumber: 5, found: [] };
  for (const [index, entry] of mbr.entries.entries()) {
    if (!isUsed(entry) || isProtective(entry)) continue;
    const partition = partitionOf(entry, index + 1, disk, mbr.signature, sectorBytes, problems);
    if (partition !== null) primary.push(partition);
  }
  const left = withoutOverlaps(primary, problems);
  for (const extended of left.filter(({ number }) => isExtended(mbr.entries[number - 1] as MbrEntry))) {
    await readChain(source, extended, mbr.signature, sectorBytes, walk, problems, signal);
  }
  const plain = left.filter(({ number }) => !isExtended(mbr.entries[number - 1] as MbrEntry));
  return {
    kind: "mbr",
    sectorBytes,
    id: mbr.signature,
    partitions: [...plain, ...withoutOverlaps(walk.found, problems)],
    problems,
    copies: "not kept",
  };
}

/**
 * Follows the chain of an extended partition. In each link the first entry is a logical partition, counted from the link, and
 * the second leads to the next link, counted from the start of the extended partition.
 */
async function readChain(
  source: VolumeSource,
  extended: Partition,
  signature: string | null,
  sectorBytes: number,
  walk: Walk,
  problems: TableProblem[],
  signal: AbortSignal,
): Promise<void> {
  const first = extended.place.offsetBytes / sectorBytes;
  const end = first + extended.place.lengthBytes / sectorBytes;
  const seen = new Set<number>();
  const broken = (why: string): void => {
    problems.push({ code: "CHAIN_BROKEN", message: `extended partition ${extended.number}: ${why}` });
  };
  for (let link = first; ;) {
    if (seen.has(link)) return broken(`the chain leads back to sector ${link}`);
    if (walk.links === MAX_LINKS) return broken(`the chain has more than ${MAX_LINKS} links`);
    seen.add(link);
    walk.links++;
    const sector = await readUpToOrNull(source, link * sectorBytes, 512, signal);
    if (sector === null) return broken(`the link of the chain at sector ${link} cannot be read`);
    // an extended partition without a logical one may never have been written to
    if (link === first && isZero(sector)) return;
    if (sector[510] !== 0x55 || sector[511] !== 0xaa) return broken(`there is no link of the chain at sector ${link}`);
    let next: number | null = null;
    for (const entry of parseEntries(sector).slice(0, 2)) {
      if (!isUsed(entry)) continue;
      if (isExtended(entry)) {
        next ??= first + entry.firstSector;
        continue;
      }
      const bounds = { base: link, first: link + 1, end };
      const partition = partitionOf(entry, walk.nextNumber, bounds, signature, sectorBytes, problems);
      walk.nextNumber++;
      if (partition !== null) walk.found.push(partition);
    }
    if (next === null) return;
    if (next < first || next >= end) return broken(`the chain leads out of it, to sector ${next}`);
    link = next;
  }
}

function partitionOf(
  entry: MbrEntry,
  number: number,
  bounds: Bounds,
  signature: string | null,
  sectorBytes: number,
  problems: TableProblem[],
): Partition | null {
  const first = bounds.base + entry.firstSector;
  if (first < bounds.first || first + entry.sectors > bounds.end) {
    const reach = `sectors ${first} to ${first + entry.sectors - 1}`;
    const message = `partition ${number}: ${reach} are not all within ${bounds.first} to ${bounds.end - 1}`;
    problems.push({ code: "ENTRY_OUT_OF_RANGE", message });
    return null;
  }
  return {
    number,
    name: null,
    typeText: mbrTypeText(entry.type),
    typeId: `0x${entry.type.toString(16).padStart(2, "0")}`,
    uuid: signature === null ? null : `${signature}-${number.toString(16).padStart(2, "0")}`,
    place: { offsetBytes: first * sectorBytes, lengthBytes: entry.sectors * sectorBytes },
    bootable: entry.bootable,
  };
}
