import { isZero } from "#bytes/arrays.ts";
import { crc16 } from "#volume/filesystem/crc16.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import {
  beyond,
  exact,
  fromCopy,
  isPowerOfTwo,
  type ContentFormat,
  type Recognised,
  type Verified,
} from "#volume/filesystem/recognised.ts";
import { crc32c } from "#volume/source/crc32c.ts";
import { uuidText } from "#volume/source/guid-text.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf8 } from "#volume/source/visible-text.ts";

export const SUPERBLOCK_AT = 1024;
export const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;
const KIB = 1024;

const HAS_JOURNAL = 0x4;
const JOURNAL_DEVICE = 0x8;
const SIXTY_FOUR_BIT = 0x80;
const GROUP_CHECKSUMS = 0x10;
const METADATA_CHECKSUMS = 0x400;

/** Features that ext2's and ext3's drivers knew: read-only compatible, and incompatible ones without and with a journal. */
const OLD_READ_ONLY = 0x1 | 0x2 | 0x4;
const EXT2_INCOMPATIBLE = 0x2 | 0x10;
const EXT3_INCOMPATIBLE = EXT2_INCOMPATIBLE | 0x4;

type Superblock = {
  readonly found: Recognised;
  readonly blockBytes: number;
  readonly firstDataBlock: number;
  readonly group: number;
  readonly uuid: Uint8Array;
  /** Null where the file system has no checksum in its superblock. */
  readonly checksumFits: boolean | null;
  readonly hasGroupChecksums: boolean;
  readonly descriptorBytes: number;
};

/**
 * ext2, ext3 and ext4. The superblock's checksum is verified where `metadata_csum` is on; where only `uninit_bg` is, that of
 * the first group descriptor. Copies are looked for where mke2fs puts them with its default group sizes.
 *
 * @see Linux Documentation/filesystems/ext4/super.rst and group_descr.rst
 */
export const ext: ContentFormat = {
  name: "ext2/3/4",
  async find(source, signal) {
    const first = parseSuperblock(await readUpTo(source, SUPERBLOCK_AT, SUPERBLOCK_BYTES, signal), source);
    if (first === "not ext") return null;
    if (first !== "broken" && first.checksumFits !== false) return withDescriptor(first, source, signal);
    const what = "the superblock at byte 1024 is damaged";
    const copy = await findBackup(source, what, signal);
    if (copy !== null || first === "broken") return copy;
    const problem = {
      code: "CHECKSUM_WRONG",
      message: "the checksum of the superblock at byte 1024 is wrong",
    } as const;
    return { ...first.found, problems: [problem, ...first.found.problems] };
  },
  findCopy: (source, signal) => findBackup(source, "there is no superblock at byte 1024", signal),
};

/**
 * Places of the first copies: of groups 1, 3, 5 and 7, with eight groups' worth of blocks for each byte of a block's bitmap.
 * With blocks of 1 KiB group 0 begins at block 1.
 */
function* backupPlaces(): Generator<{ offsetBytes: number; blockBytes: number; group: number }> {
  for (const group of [1, 3, 5, 7]) {
    for (const blockBytes of [4 * KIB, KIB, 2 * KIB, 64 * KIB, 16 * KIB, 8 * KIB, 32 * KIB]) {
      const firstBlock = blockBytes === KIB ? 1 : 0;
      // mke2fs takes 65528 blocks a group where 64 KiB blocks would give 524288: the counters have 16 bits
      const perGroup = Math.min(8 * blockBytes, 65528);
      yield { offsetBytes: (firstBlock + group * perGroup) * blockBytes, blockBytes, group };
    }
  }
}

async function findBackup(source: VolumeSource, first: string, signal: AbortSignal): Promise<Recognised | null> {
  for (const { offsetBytes, blockBytes, group } of backupPlaces()) {
    if (offsetBytes + SUPERBLOCK_BYTES > source.sizeBytes) continue;
    const copy = parseSuperblock(await readUpTo(source, offsetBytes, SUPERBLOCK_BYTES, signal), source);
    if (typeof copy === "string" || copy.checksumFits === false) continue;
    if (copy.blockBytes === blockBytes && copy.group === group) return fromCopy(copy.found, offsetBytes, first);
  }
  return null;
}

/** ext4 with `uninit_bg` alone: the first group's descriptor has a CRC-16 over the UUID, its number and itself. */
async function withDescriptor(
  { found, ...superblock }: Superblock,
  source: VolumeSource,
  signal: AbortSignal,
): Promise<Recognised> {
  if (superblock.checksumFits !== null || !superblock.hasGroupChecksums) return found;
  const offsetBytes = (superblock.firstDataBlock + 1) * superblock.blockBytes;
  const descriptor = await readUpTo(source, offsetBytes, superblock.descriptorBytes, signal);
  if (descriptor.length < superblock.descriptorBytes) return found;
  const sum = crc16(superblock.uuid, new Uint8Array(4), descriptor.subarray(0, 0x1e), descriptor.subarray(0x20));
  if (sum === new Fields(descriptor).u16(0x1e)) return { ...found, verified: "checksum" };
  const message = `the checksum of the first group descriptor at byte ${offsetBytes} is wrong`;
  return { ...found, problems: [{ code: "CHECKSUM_WRONG", message }, ...found.problems] };
}

/** A superblock; "broken" where its numbers contradict one another. @param source  for its size */
export function parseSuperblock(bytes: Uint8Array, source: VolumeSource): Superblock | "not ext" | "broken" {
  if (bytes.length < SUPERBLOCK_BYTES) return "not ext";
  const at = new Fields(bytes);
  if (at.u16(56) !== MAGIC) return "not ext";

  const [compatible, incompatible, readOnly] = [at.u32(92), at.u32(96), at.u32(100)];
  const isJournalDevice = (incompatible & JOURNAL_DEVICE) !== 0;
  const blockShift = at.u32(24);
  const revision = at.u32(76);
  if (blockShift > 6 || revision > 1) return "broken";
  const blockBytes = KIB << blockShift;
  if (!isJournalDevice && !hasPossibleNumbers(at, blockBytes, revision)) return "broken";

  const is64Bit = (incompatible & SIXTY_FOUR_BIT) !== 0;
  const blocks = BigInt(at.u32(4)) | (is64Bit ? BigInt(at.u32(336)) << 32n : 0n);
  if (blocks === 0n) return "broken";
  const sizeBytes = exact(blocks * BigInt(blockBytes));
  const uuid = at.part(104, 16);
  const type = typeOf(compatible, incompatible, readOnly);
  let checksumFits: boolean | null = null;
  if ((readOnly & METADATA_CHECKSUMS) !== 0) checksumFits = ~crc32c(at.part(0, 1020)) >>> 0 === at.u32(1020);
  let verified: Verified = "structure";
  if (checksumFits !== null) verified = checksumFits ? "checksum" : "magic only";
  const found: Recognised = {
    kind: isJournalDevice ? "member" : "file system",
    type,
    variant: null,
    label: visibleUtf8(at.part(120, 16)) || null,
    uuid: isZero(uuid) ? null : uuidText(uuid),
    sizeBytes,
    verified,
    copy: { which: "first", offsetBytes: SUPERBLOCK_AT },
    problems: beyond(sizeBytes, source, `the ${type} file system`),
    lvm: null,
  };
  return {
    found,
    blockBytes,
    firstDataBlock: at.u32(20),
    group: at.u16(90),
    uuid,
    checksumFits,
    hasGroupChecksums: (readOnly & GROUP_CHECKSUMS) !== 0,
    descriptorBytes: is64Bit ? Math.min(Math.max(at.u16(254), 64), 1024) : 32,
  };
}

/** Two bytes of magic appear by chance: the numbers must agree with one another too. */
function hasPossibleNumbers(at: Fields, blockBytes: number, revision: number): boolean {
  const [blocksPerGroup, clustersPerGroup, inodesPerGroup] = [at.u32(32), at.u32(36), at.u32(40)];
  const clusterShift = at.u32(28);
  const inodeBytes = revision === 0 ? 128 : at.u16(88);
  return (
    at.u32(0) > 0 &&
    at.u32(20) <= 1 &&
    clusterShift <= 30 &&
    blocksPerGroup > 0 &&
    clustersPerGroup > 0 &&
    clustersPerGroup <= 8 * blockBytes &&
    inodesPerGroup > 0 &&
    inodesPerGroup <= 8 * blockBytes &&
    inodeBytes >= 128 &&
    inodeBytes <= blockBytes &&
    isPowerOfTwo(inodeBytes) &&
    at.u32(0) % inodesPerGroup === 0
  );
}

function typeOf(compatible: number, incompatible: number, readOnly: number): string {
  if ((incompatible & JOURNAL_DEVICE) !== 0) return "jbd";
  const hasJournal = (compatible & HAS_JOURNAL) !== 0;
  const known = hasJournal ? EXT3_INCOMPATIBLE : EXT2_INCOMPATIBLE;
  if ((readOnly & ~OLD_READ_ONLY) !== 0 || (incompatible & ~known) !== 0) return "ext4";
  return hasJournal ? "ext3" : "ext2";
}
