import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

import { fromHex } from "#bytes/text.ts";
import { Layout, type Piece } from "#testing/disks/sparse-source.ts";

export type GptEntry = {
  readonly first: number | bigint;
  readonly last: number | bigint;
  readonly name?: string;
  /** Last byte of its id. */
  readonly id?: number;
};

export type GptOptions = {
  readonly sectorBytes?: number;
  readonly diskSectors?: number;
  readonly entries?: readonly (GptEntry | null)[];
  readonly protective?: boolean;
  readonly firstUsable?: number;
  readonly lastUsable?: number;
};

export const linuxData = "0fc63daf-8483-4772-8e79-3d69d8477de4";
/** The type's GUID as it is stored. */
const linuxDataBytes = fromHex("af3dc60f838472478e793d69d8477de4") ?? new Uint8Array();

/** The parts of a GPT, each to be changed or left out: 128 entries of 128 bytes, or as many more as there are partitions. */
export function gptPieces(
  options: GptOptions = {},
): Record<"mbr" | "first" | "firstEntries" | "second" | "secondEntries", Piece> {
  const { sectorBytes = 512, diskSectors = 4096 } = options;
  const entryCount = Math.max(128, options.entries?.length ?? 0);
  const entrySectors = Math.ceil((128 * entryCount) / sectorBytes);
  const last = diskSectors - 1;
  const entries = new Layout(128 * entryCount);
  for (const [index, entry] of (options.entries ?? [{ first: 2048, last: 3000, name: "root" }]).entries()) {
    if (entry === null) continue;
    const at = 128 * index;
    entries
      .set(at, linuxDataBytes)
      .u8(at + 30, index >> 8, entry.id ?? (index + 1) & 0xff)
      .u64(at + 32, entry.first, entry.last, 4)
      .set(at + 56, new Uint8Array(Buffer.from(entry.name ?? "", "utf16le")));
  }
  const header = (at: number, other: number, entriesAt: number): Uint8Array => {
    const layout = new Layout(sectorBytes)
      .text(0, "EFI PART")
      .u32(8, 0x10000, 92)
      .u64(24, at, other, options.firstUsable ?? 2 + entrySectors, options.lastUsable ?? last - entrySectors - 1)
      .u8(56, 1, 2, 3, 4)
      .u64(72, entriesAt)
      .u32(80, entryCount, 128, crc32(entries.bytes));
    return layout.u32(16, crc32(layout.bytes.subarray(0, 92))).bytes;
  };
  const protective = { type: 0xee, first: 1, sectors: Math.min(last, 0xffffffff) };
  return {
    mbr: { offsetBytes: 0, bytes: options.protective === false ? new Uint8Array(512) : mbrSector([protective]) },
    first: { offsetBytes: sectorBytes, bytes: header(1, last, 2) },
    firstEntries: { offsetBytes: 2 * sectorBytes, bytes: entries.bytes },
    second: { offsetBytes: last * sectorBytes, bytes: header(last, 1, last - entrySectors) },
    secondEntries: { offsetBytes: (last - entrySectors) * sectorBytes, bytes: entries.bytes.slice() },
  };
}

/** Gives a header that was changed its right checksum. */
export function resealGpt(header: Uint8Array): void {
  const size = new DataView(header.buffer).getUint32(12, true);
  header.fill(0, 16, 20);
  new DataView(header.buffer).setUint32(16, crc32(header.subarray(0, size)), true);
}

export type MbrRow = {
  readonly type: number;
  readonly first: number;
  readonly sectors: number;
  readonly flag?: number;
};

/** A sector with a table of up to four entries; null leaves one unused. */
export function mbrSector(rows: readonly (MbrRow | null)[], signature = 0): Uint8Array {
  const sector = new Layout(512).u32(440, signature).u16(510, 0xaa55);
  for (const [index, row] of rows.entries()) {
    if (row === null) continue;
    const at = 446 + 16 * index;
    sector
      .u8(at, row.flag ?? 0)
      .u8(at + 4, row.type)
      .u32(at + 8, row.first, row.sectors);
  }
  return sector.bytes;
}
