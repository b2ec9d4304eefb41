import { equalBytes } from "#bytes/arrays.ts";
import { crc16 } from "#volume/filesystem/crc16.ts";
import { SUPERBLOCK_AT, SUPERBLOCK_BYTES, parseSuperblock } from "#volume/filesystem/ext.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import type { Judgement, Structure, StructureFamily } from "#volume/filesystem/structure.ts";
import { crc32c, crc32cState } from "#volume/source/crc32c.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

const SPARSE_SUPERBLOCKS = 0x1; // read-only compatible
const GROUP_CHECKSUMS = 0x10;
const METADATA_CHECKSUMS = 0x400;
const TWO_SUPERBLOCKS = 0x200; // compatible: sparse_super2
const META_GROUPS = 0x10; // incompatible
const SIXTY_FOUR_BIT = 0x80;
const CHECKSUM_SEED = 0x2000;

/** How an ext file system lies on its volume. */
type ExtLayout = {
  readonly blockBytes: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groups: number;
  readonly descriptorBytes: number;
  /** Groups from this one on have their descriptors with them: meta_bg. In groups of a block's descriptors. */
  readonly firstMetaGroup: number;
  readonly uuid: Uint8Array;
  /** The state that checksums begin with; null where only groups have one, of the older kind. */
  readonly seed: number | null;
  readonly hasGroupChecksums: boolean;
  /** Whether a group has a copy of the superblock. */
  readonly hasSuperblock: (group: number) => boolean;
  readonly backups: readonly number[];
};

/**
 * The structures of ext4 that have checksums: group descriptors, and the copies of the superblock. Such a copy is written when the
 * file system is made, enlarged or tuned, and not every kernel then made its checksum right: a wrong one in an otherwise
 * possible copy shows nothing.
 *
 * @param source  with a good superblock at its first place
 * @returns       none where the file system has no checksums
 * @see Linux Documentation/filesystems/ext4/group_descr.rst, blockgroup.rst and super.rst
 */
export async function extStructures(source: VolumeSource, signal: AbortSignal): Promise<readonly StructureFamily[]> {
  const layout = layoutOf(await readUpTo(source, SUPERBLOCK_AT, SUPERBLOCK_BYTES, signal));
  if (layout === null || !layout.hasGroupChecksums) return [];
  const { groups, backups } = layout;
  const descriptors = { count: groups, at: (group: number) => descriptor(layout, group) };
  if (layout.seed === null) return [descriptors];
  return [descriptors, { count: backups.length, at: (index: number) => backup(layout, backups[index] ?? 0, source) }];
}

/** Null where its numbers are too large to be exact. */
function layoutOf(superblock: Uint8Array): ExtLayout | null {
  const at = new Fields(superblock);
  const [compatible, incompatible, readOnly] = [at.u32(92), at.u32(96), at.u32(100)];
  const is64Bit = (incompatible & SIXTY_FOUR_BIT) !== 0;
  const blockBytes = 1024 << at.u32(24);
  const blocks = at.u32(4) + (is64Bit ? at.u32(336) * 2 ** 32 : 0);
  const [firstDataBlock, blocksPerGroup] = [at.u32(20), at.u32(32)];
  if (!Number.isSafeInteger(blocks * blockBytes)) return null;
  const groups = Math.ceil((blocks - firstDataBlock) / blocksPerGroup);
  const uuid = at.part(104, 16);
  const hasSeed = (incompatible & CHECKSUM_SEED) !== 0;
  const hasMetadataChecksums = (readOnly & METADATA_CHECKSUMS) !== 0;
  const two = (compatible & TWO_SUPERBLOCKS) === 0 ? null : [at.u32(588), at.u32(592)];
  const isSparse = (readOnly & SPARSE_SUPERBLOCKS) !== 0;
  const hasSuperblock = (group: number): boolean =>
    group === 0 || (two === null ? !isSparse || isSparseBackup(group) : two.includes(group));
  return {
    blockBytes,
    firstDataBlock,
    blocksPerGroup,
    groups,
    descriptorBytes: is64Bit ? Math.min(Math.max(at.u16(254), 64), 1024) : 32,
    firstMetaGroup: (incompatible & META_GROUPS) === 0 ? Infinity : at.u32(260),
    uuid,
    seed: hasMetadataChecksums ? (hasSeed ? at.u32(624) : ~crc32c(uuid) >>> 0) : null,
    hasGroupChecksums: hasMetadataChecksums || (readOnly & GROUP_CHECKSUMS) !== 0,
    hasSuperblock,
    backups: likelyBackups(groups, two).filter(hasSuperblock),
  };
}

/** Group 1 and the powers of 3, 5 and 7. */
function isSparseBackup(group: number): boolean {
  return sparseBackups(group + 1).includes(group);
}

function sparseBackups(groups: number): readonly number[] {
  const found = [1];
  for (const base of [3, 5, 7]) for (let power = base; power < groups; power *= base) found.push(power);
  return found.filter((group) => group < groups);
}

/** Where every group has a copy, these have one too, and are enough. */
function likelyBackups(groups: number, two: readonly number[] | null): readonly number[] {
  return two === null ? sparseBackups(groups) : two.filter((group) => group > 0 && group < groups);
}

function groupAt({ firstDataBlock, blocksPerGroup, blockBytes }: ExtLayout, group: number): number {
  return (firstDataBlock + group * blocksPerGroup) * blockBytes;
}

function descriptor(layout: ExtLayout, group: number): Structure {
  const { descriptorBytes, blockBytes, firstMetaGroup, hasSuperblock, firstDataBlock } = layout;
  const perBlock = Math.floor(blockBytes / descriptorBytes);
  const meta = Math.floor(group / perBlock);
  const first = meta * perBlock;
  const tableAt =
    meta < firstMetaGroup
      ? (firstDataBlock + 1 + meta) * blockBytes
      : groupAt(layout, first) + (hasSuperblock(first) ? blockBytes : 0);
  return {
    place: { offsetBytes: tableAt + (group - first) * descriptorBytes, lengthBytes: descriptorBytes },
    judge: (bytes) => judgeDescriptor(layout, group, bytes),
  };
}

function judgeDescriptor({ seed, uuid, descriptorBytes }: ExtLayout, group: number, bytes: Uint8Array): Judgement {
  if (bytes.length < descriptorBytes) return "wrong";
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, group, true);
  const [before, behind] = [bytes.subarray(0, 30), bytes.subarray(32)];
  const sum =
    seed === null
      ? crc16(uuid, number, before, behind)
      : crc32cState(seed, number, before, new Uint8Array(2), behind) & 0xffff;
  return sum === new Fields(bytes).u16(30) ? "right" : "wrong";
}

function backup(layout: ExtLayout, group: number, source: VolumeSource): Structure {
  return {
    place: { offsetBytes: groupAt(layout, group), lengthBytes: SUPERBLOCK_BYTES },
    judge: (bytes) => {
      const found = parseSuperblock(bytes, source);
      if (typeof found === "string" || !equalBytes(found.uuid, layout.uuid)) return "wrong";
      return found.checksumFits === true ? "right" : "shows nothing";
    },
  };
}
