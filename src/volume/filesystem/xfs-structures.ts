import { equalBytes } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import type { Judgement, StructureFamily } from "#volume/filesystem/structure.ts";
import { crc32c } from "#volume/source/crc32c.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

const SUPERBLOCK_BYTES = 512;
const META_UUID = 0x4;

/** A header that every allocation group has: in which of its sectors, and where its fields are. */
type Header = {
  readonly sector: number;
  readonly magic: string;
  readonly checksumAt: number;
  readonly uuidAt: number;
  /** Of the group's number; null where it has none. */
  readonly numberAt: number | null;
};

const headers: readonly Header[] = [
  { sector: 0, magic: "XFSB", checksumAt: 224, uuidAt: 32, numberAt: null },
  { sector: 1, magic: "XAGF", checksumAt: 216, uuidAt: 64, numberAt: 8 },
  { sector: 2, magic: "XAGI", checksumAt: 312, uuidAt: 296, numberAt: 8 },
  { sector: 3, magic: "XAFL", checksumAt: 32, uuidAt: 8, numberAt: 4 },
];

/**
 * The structures of XFS version 5 that lie at fixed places: superblock, free space, inode and free list header of each
 * allocation group.
 *
 * @param source  with a good superblock at its first place
 * @see "XFS Algorithms & Data Structures", 3rd edition, chapter 13 (allocation groups)
 */
export async function xfsStructures(source: VolumeSource, signal: AbortSignal): Promise<readonly StructureFamily[]> {
  const at = new Fields(await readUpTo(source, 0, SUPERBLOCK_BYTES, signal), "big");
  const groupBytes = at.u32(84) * at.u32(4);
  const [groups, sectorBytes] = [at.u32(88), at.u16(102)];
  // A file system whose UUID was changed keeps the first one in its structures.
  const uuid = at.part((at.u32(216) & META_UUID) === 0 ? 32 : 248, 16);
  if (!Number.isSafeInteger(groups * groupBytes)) return [];
  return headers.map((header) => ({
    count: groups,
    at: (group) => ({
      place: { offsetBytes: group * groupBytes + header.sector * sectorBytes, lengthBytes: sectorBytes },
      judge: (bytes) => judge(header, group, header.sector === 0 ? null : uuid, bytes, sectorBytes),
    }),
  }));
}

function judge(
  { magic, checksumAt, uuidAt, numberAt }: Header,
  group: number,
  uuid: Uint8Array | null,
  bytes: Uint8Array,
  sectorBytes: number,
): Judgement {
  if (bytes.length < sectorBytes) return "wrong";
  const at = new Fields(bytes, "big");
  if (!at.is(0, magic) || (numberAt !== null && at.u32(numberAt) !== group)) return "wrong";
  if (uuid !== null && !equalBytes(at.part(uuidAt, 16), uuid)) return "wrong";
  const sum = crc32c(bytes.subarray(0, checksumAt), new Uint8Array(4), bytes.subarray(checksumAt + 4));
  return sum === new Fields(bytes).u32(checksumAt) ? "right" : "wrong";
}
