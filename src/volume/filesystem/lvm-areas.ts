import { crc32 } from "node:zlib";

import { concat } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { exact } from "#volume/filesystem/recognised.ts";
import { readUpTo, type Place, type VolumeSource } from "#volume/source/source.ts";

const SECTOR_BYTES = 512;
const AREA_MAGIC = " LVM2 x[5A%r0N*>";
const MAX_AREAS = 8;
/** Metadata of groups with thousands of volumes takes a few hundred KiB. */
const MAX_TEXT_BYTES = 1024 * 1024;
const IGNORED = 1;

/** What the label of a physical volume says. */
export type LvmLabel = {
  readonly offsetBytes: number;
  readonly checksumFits: boolean;
  /** 32 characters. */
  readonly pvId: string;
  readonly sizeBytes: number | null;
  readonly metadataAreas: readonly Place[];
};

/** LVM's checksum: CRC-32 from a number of its own, not inverted. */
export function lvmCrc(bytes: Uint8Array): number {
  return ~crc32(bytes, ~0xf597a6cf >>> 0) >>> 0;
}

/**
 * Finds the label of a physical volume in one of the first four sectors.
 *
 * @see lvm2 lib/label/label.h and lib/format_text/layout.h
 */
export async function readLvmLabel(source: VolumeSource, signal: AbortSignal): Promise<LvmLabel | null> {
  const start = await readUpTo(source, 0, 4 * SECTOR_BYTES, signal);
  let broken: LvmLabel | null = null;
  for (let offsetBytes = 0; offsetBytes + SECTOR_BYTES <= start.length; offsetBytes += SECTOR_BYTES) {
    const label = parseLabel(start.subarray(offsetBytes, offsetBytes + SECTOR_BYTES), offsetBytes);
    if (label?.checksumFits === true) return label;
    broken ??= label;
  }
  return broken;
}

function parseLabel(sector: Uint8Array, offsetBytes: number): LvmLabel | null {
  const at = new Fields(sector);
  if (!at.is(0, "LABELONE") || !at.is(24, "LVM2 001")) return null;
  const headerAt = at.u32(20);
  const checksumFits = lvmCrc(sector.subarray(20)) === at.u32(16) && at.u64(8) * 512n === BigInt(offsetBytes);
  if (headerAt < 32 || headerAt + 40 > SECTOR_BYTES) {
    return { offsetBytes, checksumFits: false, pvId: "", sizeBytes: null, metadataAreas: [] };
  }
  const pvId = String.fromCharCode(...at.part(headerAt, 32));
  // two lists of places, each ended by one of zeros: data, then metadata
  const lists: Place[][] = [[], []];
  let entryAt = headerAt + 40;
  for (const list of lists) {
    for (; entryAt + 16 <= SECTOR_BYTES; entryAt += 16) {
      const [start, length] = [exact(at.u64(entryAt)), exact(at.u64(entryAt + 8))];
      if (start === 0) break;
      if (start !== null && length !== null && list.length < MAX_AREAS) {
        list.push({ offsetBytes: start, lengthBytes: length });
      }
    }
    entryAt += 16;
  }
  return { offsetBytes, checksumFits, pvId, sizeBytes: exact(at.u64(headerAt + 32)), metadataAreas: lists[1] ?? [] };
}

/** Text of a metadata area; `none` where there is no group in it, else why it cannot be read. */
export type AreaText = { readonly text: Uint8Array } | { readonly none: true } | { readonly damaged: string };

/**
 * Reads the current text of a metadata area: a ring behind a header of one sector. Reads 1 MiB at most.
 *
 * @see lvm2 lib/format_text/layout.h, struct mda_header and raw_locn
 */
export async function readLvmText(source: VolumeSource, area: Place, signal: AbortSignal): Promise<AreaText> {
  const where = `the metadata area at byte ${area.offsetBytes}`;
  const header = await readUpTo(source, area.offsetBytes, SECTOR_BYTES, signal);
  if (header.length < SECTOR_BYTES) return { damaged: `${where} lies beyond the end` };
  const at = new Fields(header);
  if (lvmCrc(header.subarray(4)) !== at.u32(0)) return { damaged: `${where}: the checksum of its header is wrong` };
  if (!at.is(4, AREA_MAGIC) || at.u32(20) !== 1) return { damaged: `${where} is of an unknown version` };
  const [textAt, textBytes, ringBytes] = [exact(at.u64(40)), exact(at.u64(48)), exact(at.u64(32))];
  if (textAt === 0 || (at.u32(60) & IGNORED) !== 0) return { none: true };
  if (textAt === null || textBytes === null || ringBytes === null || exact(at.u64(24)) !== area.offsetBytes) {
    return { damaged: `${where} has impossible numbers` };
  }
  if (textBytes > MAX_TEXT_BYTES)
    return { damaged: `${where}: a text of ${textBytes} bytes is more than is read here` };
  if (textAt < SECTOR_BYTES || textAt >= ringBytes || textBytes > ringBytes - SECTOR_BYTES) {
    return { damaged: `${where}: the text lies outside it` };
  }
  const untilEnd = Math.min(textBytes, ringBytes - textAt);
  const text = concat(
    await readUpTo(source, area.offsetBytes + textAt, untilEnd, signal),
    await readUpTo(source, area.offsetBytes + SECTOR_BYTES, textBytes - untilEnd, signal),
  );
  if (text.length < textBytes || lvmCrc(text) !== at.u32(56)) {
    return { damaged: `${where}: the checksum of its text is wrong` };
  }
  return { text };
}
