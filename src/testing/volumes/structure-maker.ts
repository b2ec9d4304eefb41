import { Layout, someUuid, type Piece } from "#testing/disks/sparse-source.ts";
import { btrfsSuperblock, extSuperblock, ntfsPieces, xfsSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { crc32c } from "#volume/source/crc32c.ts";

const MIB = 1024 * 1024;

/** XFS of four groups of so many blocks of 4 KiB, each group with all its headers. */
export function xfsPieces(groupBlocks = 64): Piece[] {
  return [0, 1, 2, 3].flatMap((group) => {
    const offsetBytes = group * groupBlocks * 4096;
    return [
      { offsetBytes, bytes: xfsSuperblock(groupBlocks) },
      { offsetBytes: offsetBytes + 512, bytes: xfsHeader("XAGF", group, 8, 64, 216) },
      { offsetBytes: offsetBytes + 1024, bytes: xfsHeader("XAGI", group, 8, 296, 312) },
      { offsetBytes: offsetBytes + 1536, bytes: xfsHeader("XAFL", group, 4, 8, 32) },
    ];
  });
}

function xfsHeader(magic: string, group: number, numberAt: number, uuidAt: number, checksumAt: number): Uint8Array {
  const header = new Layout(512, "big").text(0, magic).u32(numberAt, group).set(uuidAt, someUuid);
  return header.set(checksumAt, new Layout(4).u32(0, crc32c(header.bytes)).bytes).bytes;
}

/** Bytes of `extPieces`' groups. */
export const EXT_GROUP_BYTES = 128 * MIB;

/** ext4 of so many groups, with their descriptors and, as sparse_super has them, copies of the superblock. */
export function extPieces(groups: number): Piece[] {
  const blocks = groups * 32768;
  const backups = [1, 3, 5, 7, 9].filter((group) => group < groups);
  return [
    { offsetBytes: 1024, bytes: extSuperblock({ blocks }) },
    ...backups.map((group) => ({ offsetBytes: group * EXT_GROUP_BYTES, bytes: extSuperblock({ blocks, group }) })),
    ...Array.from({ length: groups }, (_, group) => ({ offsetBytes: 4096 + 32 * group, bytes: extGroup(group) })),
  ];
}

function extGroup(group: number): Uint8Array {
  const descriptor = new Layout(32).u32(0, 100 + group, 200, 300);
  const number = new Layout(4).u32(0, group).bytes;
  return descriptor.u16(30, ~crc32c(someUuid, number, descriptor.bytes) & 0xffff).bytes;
}

/** Where `btrfsPieces` has the copies of the chunk tree's root. */
export const btrfsRootPlaces = [5 * MIB, 13 * MIB] as const;

/** Btrfs of 128 MiB: two superblocks, and a chunk tree's root that is there twice. */
export function btrfsPieces(): Piece[] {
  const start = 22 * MIB;
  const root = start + MIB;
  const node = new Layout(16384).set(32, someUuid).u64(48, root);
  node.u32(0, crc32c(node.bytes.subarray(32)));
  const superblocks = [64 * 1024, 64 * MIB].map((offsetBytes) => {
    const superblock = new Layout(4096)
      .set(0, btrfsSuperblock(offsetBytes))
      .u64(88, root)
      .u32(160, 17 + 48 + 64);
    superblock.u64(811, 256).u8(819, 228).u64(820, start);
    superblock
      .u64(828, 8 * MIB)
      .u64(852, 0x22)
      .u16(872, 2);
    for (const [copy, place] of btrfsRootPlaces.entries()) superblock.u64(876 + 32 * copy, 1, place - MIB);
    return { offsetBytes, bytes: superblock.u32(0, crc32c(superblock.bytes.subarray(32))).bytes };
  });
  return [...superblocks, ...btrfsRootPlaces.map((offsetBytes) => ({ offsetBytes, bytes: node.bytes }))];
}

/** How many records `ntfsFileTable` has behind the first four, and where. */
export const ntfsMore = { offsetBytes: 64 * 4096, count: 12 } as const;

/** NTFS of 1 MiB whose file table lies in two runs: its first four records, and twelve more. */
export function ntfsFileTable(): Piece[] {
  const runs = [0x11, 1, 4, 0x11, 3, 60, 0];
  const data = new Layout(72)
    .u32(0, 0x80, 72)
    .u8(8, 1)
    .u16(32, 64)
    .u64(56, 16 * 1024)
    .u8(64, ...runs).bytes;
  const end = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
  const first = ntfsUsed(0, data, end);
  const pieces = ntfsPieces(2048);
  const [boot, table, mirror, copy] = pieces as [Piece, Piece, Piece, Piece];
  for (const { bytes } of [table, mirror]) {
    bytes.set(first);
    for (const number of [1, 2]) bytes.set(ntfsUsed(number, end), 1024 * number);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(3 * 1024 + 44, 3, true);
  }
  const more = Array.from({ length: ntfsMore.count }, (_, index) => ({
    offsetBytes: ntfsMore.offsetBytes + 1024 * index,
    bytes: ntfsUsed(4 + index, end),
  }));
  return [boot, table, mirror, copy, ...more];
}

/** A record in use, with its number and attributes, and its update sequence applied. */
function ntfsUsed(number: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  const record = new Layout(1024).text(0, "FILE").u16(4, 48, 3).u16(20, 56, 1).u32(44, number);
  let at = 56;
  for (const attribute of attributes) {
    record.set(at, attribute);
    at += attribute.length;
  }
  return record
    .u16(48, 0x1234, record.bytes[510] ?? 0, 0)
    .u16(510, 0x1234)
    .u16(1022, 0x1234).bytes;
}
