import { Buffer } from "node:buffer";

import { Layout, someUuid, type Piece } from "#testing/disks/sparse-source.ts";
import { crc16 } from "#volume/filesystem/crc16.ts";
import { crc32c } from "#volume/source/crc32c.ts";

const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf16le"));

export type ExtOptions = {
  readonly blockShift?: number;
  readonly blocks?: number;
  readonly group?: number;
  readonly compatible?: number;
  readonly incompatible?: number;
  readonly readOnly?: number;
  readonly label?: string;
};

/** An ext superblock of 1024 bytes; with `metadata_csum` among the features it gets its checksum. */
export function extSuperblock(options: ExtOptions = {}): Uint8Array {
  const { blockShift = 2, blocks = 65536, group = 0, label = "root" } = options;
  const blockBytes = 1024 << blockShift;
  const superblock = new Layout(1024)
    .u32(0, 8192, blocks, 0, 100, 100, blockShift === 0 ? 1 : 0, blockShift, blockShift)
    .u32(32, 8 * blockBytes, 8 * blockBytes, 2048)
    .u16(56, 0xef53)
    .u32(76, 1)
    .u32(84, 11)
    .u16(88, 256, group)
    .u32(92, options.compatible ?? 0x4, options.incompatible ?? 0x2, options.readOnly ?? 0x403)
    .set(104, someUuid)
    .text(120, label);
  if (((options.readOnly ?? 0x403) & 0x400) !== 0) {
    superblock.u32(1020, ~crc32c(superblock.bytes.subarray(0, 1020)) >>> 0);
  }
  return superblock.bytes;
}

/** The first group descriptor of a file system with `uninit_bg`, with its checksum. */
export function extDescriptor(): Uint8Array {
  const descriptor = new Layout(32).u32(0, 100, 101, 102);
  return descriptor.u16(30, crc16(someUuid, new Uint8Array(4), descriptor.bytes.subarray(0, 30))).bytes;
}

/** An XFS superblock of one sector of 512 bytes: four allocation groups of `groupBlocks` blocks of 4 KiB. */
export function xfsSuperblock(groupBlocks = 4096, version = 5): Uint8Array {
  const superblock = new Layout(512, "big")
    .text(0, "XFSB")
    .u32(4, 4096)
    .u64(8, 4 * groupBlocks)
    .set(32, someUuid)
    .u32(84, groupBlocks, 4)
    .u16(100, 0xb4a0 | version, 512, 512)
    .text(108, "data")
    .u8(120, 12, 9, 9, 3);
  if (version === 5) {
    const sum = new Layout(4).u32(0, crc32c(superblock.bytes));
    superblock.set(224, sum.bytes);
  }
  return superblock.bytes;
}

/** A Btrfs superblock of 4 KiB with the CRC-32C checksum type, unless another type and checksum are given. */
export function btrfsSuperblock(
  offsetBytes: number,
  type = 0,
  checksum?: (covered: Uint8Array) => Uint8Array,
): Uint8Array {
  const superblock = new Layout(4096)
    .set(32, someUuid)
    .u64(48, offsetBytes)
    .text(64, "_BHRfS_M")
    .u64(112, 1024 ** 3, 0, 0, 1)
    .u32(144, 4096, 16384)
    .u16(196, type)
    .u64(201, 1, 128 * 1024 ** 2)
    .text(299, "pool");
  const covered = superblock.bytes.subarray(32);
  return superblock.set(0, checksum?.(covered) ?? new Layout(4).u32(0, crc32c(covered)).bytes).bytes;
}

/** A record of NTFS' file table, 1024 bytes, with its update sequence applied; with a volume name where one is given. */
export function ntfsRecord(volumeName?: string): Uint8Array {
  const record = new Layout(1024).text(0, "FILE").u16(4, 48, 3).u16(20, 56).u16(48, 0x1234, 0xaaaa, 0xbbbb);
  if (volumeName === undefined) record.u32(56, 0xffffffff);
  else {
    const name = utf16(volumeName);
    const length = 24 + Math.ceil(name.length / 8) * 8;
    record.u32(56, 0x30, 24).u32(80, 0x60, length).u32(96, name.length).u16(100, 24).set(104, name);
    record.u32(80 + length, 0xffffffff);
  }
  return record.u16(510, 0x1234).u16(1022, 0x1234).bytes;
}

/** NTFS of `sectors` sectors of 512 bytes and one for the boot sector's copy, clusters of 4 KiB. */
export function ntfsPieces(sectors: number, volumeName = "System"): Piece[] {
  const boot = new Layout(512)
    .u8(0, 0xeb, 0x52, 0x90)
    .text(3, "NTFS    ")
    .u16(11, 512)
    .u8(13, 8)
    .u8(21, 0xf8)
    .u64(40, sectors, 4, 2)
    .u8(64, 0xf6)
    .u64(72, 0x0123456789abcdefn)
    .u16(510, 0xaa55).bytes;
  const records = new Layout(4096);
  for (const index of [0, 1, 2, 3]) records.set(1024 * index, ntfsRecord(index === 3 ? volumeName : undefined));
  return [
    { offsetBytes: 0, bytes: boot },
    { offsetBytes: 4 * 4096, bytes: records.bytes },
    { offsetBytes: 2 * 4096, bytes: records.bytes },
    { offsetBytes: sectors * 512, bytes: boot },
  ];
}

/** FAT of clusters of 512 bytes with a label in boot sector (`BOOT`) and root folder (`ROOT`). */
export function fatPieces(bits: 12 | 16 | 32, clusters: number): Piece[] {
  const reserved = bits === 32 ? 32 : 1;
  const fatSectors = Math.ceil(((clusters + 2) * bits) / 8 / 512);
  const rootSectors = bits === 32 ? 0 : 2;
  const sectors = reserved + 2 * fatSectors + rootSectors + clusters;
  const boot = new Layout(512)
    .u8(0, 0xeb, 0x3c, 0x90)
    .text(3, "mkfs.fat")
    .u16(11, 512)
    .u8(13, 1)
    .u16(14, reserved)
    .u8(16, 2)
    .u16(17, rootSectors * 16)
    .u8(21, 0xf8)
    .u32(32, sectors)
    .u16(510, 0xaa55);
  if (bits === 32) boot.u32(36, fatSectors).u32(44, 2).u16(48, 1, 6);
  else boot.u16(22, fatSectors);
  const extra = bits === 32 ? 64 : 36;
  boot
    .u8(extra + 2, 0x29)
    .u32(extra + 3, 0xdeadbeef)
    .text(extra + 7, `BOOT       FAT${bits}   `);
  const table = {
    12: [0xf8, 0xff, 0xff],
    16: [0xf8, 0xff, 0xff, 0xff],
    32: [0xf8, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f],
  };
  const root = new Layout(64).text(0, "AFILE   TXT").text(32, "ROOT       ").u8(43, 0x08);
  const pieces = [
    { offsetBytes: 0, bytes: boot.bytes },
    { offsetBytes: reserved * 512, bytes: Uint8Array.from(table[bits]) },
    { offsetBytes: (reserved + 2 * fatSectors) * 512, bytes: root.bytes },
  ];
  return bits === 32 ? [...pieces, { offsetBytes: 6 * 512, bytes: boot.bytes }] : pieces;
}

/** exFAT of 512-byte sectors: both boot regions, and a root folder with a label. */
export function exfatPieces(): Piece[] {
  const region = new Layout(12 * 512)
    .u8(0, 0xeb, 0x76, 0x90)
    .text(3, "EXFAT   ")
    .u64(72, 16384)
    .u32(80, 128, 64, 256, 2000, 4, 0xcafe0001)
    .u16(104, 0x100)
    .u8(108, 9, 3, 1)
    .u16(510, 0xaa55);
  let sum = 0;
  for (let at = 0; at < 11 * 512; at++) {
    if (at === 106 || at === 107 || at === 112) continue;
    sum = ((sum & 1) * 0x8000_0000 + (sum >>> 1) + (region.bytes[at] ?? 0)) % 2 ** 32;
  }
  for (let at = 11 * 512; at < 12 * 512; at += 4) region.u32(at, sum);
  const root = new Layout(64).u8(0, 0x81).u8(32, 0x83, 5).set(34, utf16("Stick"));
  return [
    { offsetBytes: 0, bytes: region.bytes },
    { offsetBytes: 12 * 512, bytes: region.bytes },
    { offsetBytes: (256 + 2 * 8) * 512, bytes: root.bytes },
  ];
}

/** The first page of swap space. */
export function swapPage(pageBytes: number, byteOrder: "little" | "big" = "little", mark = "SWAPSPACE2"): Uint8Array {
  return new Layout(pageBytes, byteOrder)
    .u32(1024, 1, 99)
    .set(1036, someUuid)
    .text(1052, "swap0")
    .text(pageBytes - 10, mark).bytes;
}
