import { isZero } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import {
  beyond,
  exact,
  fromCopy,
  type ContentFormat,
  type Recognised,
  type Verified,
} from "#volume/filesystem/recognised.ts";
import { crc32c } from "#volume/source/crc32c.ts";
import { uuidText } from "#volume/source/guid-text.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf8 } from "#volume/source/visible-text.ts";

const MAX_SECTOR_BYTES = 32 * 1024;
const CHECKSUM_AT = 224;

type Superblock = {
  readonly found: Recognised;
  /** Where the copy of the second allocation group is, by this superblock. */
  readonly secondGroupAt: number | null;
  /** Null before version 5, which brought checksums. */
  readonly checksumFits: boolean | null;
};

/**
 * XFS. Every allocation group begins with a copy of the superblock; where the first is gone, the second group is looked for
 * where mkfs.xfs puts it when it divides a volume evenly.
 *
 * @see "XFS Algorithms & Data Structures", 3rd edition, section 13.1 (superblocks)
 */
export const xfs: ContentFormat = {
  name: "XFS",
  async find(source, signal) {
    const first = await readSuperblock(source, 0, signal);
    if (first === "not XFS") return null;
    if (first !== "broken" && first.checksumFits !== false) return first.found;
    const places = first === "broken" ? [] : [first.secondGroupAt ?? 0];
    const copy = await findBackup(source, places, "the superblock at byte 0 is damaged", signal);
    if (copy !== null || first === "broken") return copy;
    const problem = { code: "CHECKSUM_WRONG", message: "the checksum of the superblock at byte 0 is wrong" } as const;
    return { ...first.found, problems: [problem, ...first.found.problems] };
  },
  findCopy: (source, signal) => findBackup(source, [], "there is no superblock at byte 0", signal),
};

async function findBackup(
  source: VolumeSource,
  hints: readonly number[],
  first: string,
  signal: AbortSignal,
): Promise<Recognised | null> {
  for (const offsetBytes of new Set([...hints, ...usualPlaces(source.sizeBytes)])) {
    if (offsetBytes === 0 || offsetBytes + 512 > source.sizeBytes) continue;
    const copy = await readSuperblock(source, offsetBytes, signal);
    if (typeof copy === "string" || copy.checksumFits === false) continue;
    if (copy.secondGroupAt === offsetBytes) return fromCopy(copy.found, offsetBytes, first);
  }
  return null;
}

/** Second groups of volumes that are divided into 4 groups (the default below 4 TiB), 2, 8, 16 or 32, or into groups of 1 TiB. */
function* usualPlaces(sizeBytes: number): Generator<number> {
  for (const blockBytes of [4096, 1024, 512, 2048, 65536]) {
    const blocks = Math.floor(sizeBytes / blockBytes);
    for (const groups of [4, 2, 8, 16, 32]) {
      yield Math.ceil(blocks / groups) * blockBytes;
      yield Math.floor(blocks / groups) * blockBytes;
    }
  }
  yield 2 ** 40 - 4096;
  yield 2 ** 40;
}

async function readSuperblock(
  source: VolumeSource,
  offsetBytes: number,
  signal: AbortSignal,
): Promise<Superblock | "not XFS" | "broken"> {
  const start = await readUpTo(source, offsetBytes, 512, signal);
  if (start.length < 512) return "not XFS";
  const at = new Fields(start, "big");
  if (!at.is(0, "XFSB")) return "not XFS";
  const sectorBytes = at.u16(102);
  if (!hasPossibleNumbers(at)) return "broken";
  const sector = await readUpTo(source, offsetBytes, Math.min(sectorBytes, MAX_SECTOR_BYTES), signal);
  return sector.length < sectorBytes ? "broken" : parseSuperblock(sector, offsetBytes, source);
}

function parseSuperblock(sector: Uint8Array, offsetBytes: number, source: VolumeSource): Superblock {
  const at = new Fields(sector, "big");
  const blockBytes = at.u32(4);
  const version = at.u16(100) & 0xf;
  let checksumFits: boolean | null = null;
  let verified: Verified = "structure";
  if (version === 5) {
    const stored = new Fields(sector).u32(CHECKSUM_AT); // the one little-endian field
    checksumFits =
      crc32c(sector.subarray(0, CHECKSUM_AT), new Uint8Array(4), sector.subarray(CHECKSUM_AT + 4)) === stored;
    verified = checksumFits ? "checksum" : "magic only";
  }
  const sizeBytes = exact(at.u64(8) * BigInt(blockBytes));
  const uuid = at.part(32, 16);
  return {
    found: {
      kind: "file system",
      type: "xfs",
      variant: `version ${version}`,
      label: visibleUtf8(at.part(108, 12)) || null,
      uuid: isZero(uuid) ? null : uuidText(uuid),
      sizeBytes,
      verified,
      copy: { which: "first", offsetBytes },
      problems: beyond(sizeBytes, source, "the XFS file system"),
      lvm: null,
    },
    secondGroupAt: at.u32(88) > 1 ? exact(BigInt(at.u32(84)) * BigInt(blockBytes)) : null,
    checksumFits,
  };
}

function hasPossibleNumbers(at: Fields): boolean {
  const [blockBytes, sectorBytes, inodeBytes] = [at.u32(4), at.u16(102), at.u16(104)];
  const [blocks, groupBlocks, groups] = [at.u64(8), BigInt(at.u32(84)), BigInt(at.u32(88))];
  const version = at.u16(100) & 0xf;
  const isShift = (shift: number, value: number): boolean => shift < 31 && 1 << shift === value;
  return (
    blockBytes >= 512 &&
    blockBytes <= 65536 &&
    isShift(at.u8(120), blockBytes) &&
    sectorBytes >= 512 &&
    sectorBytes <= MAX_SECTOR_BYTES &&
    isShift(at.u8(121), sectorBytes) &&
    inodeBytes >= 256 &&
    inodeBytes <= 2048 &&
    isShift(at.u8(122), inodeBytes) &&
    version >= 1 &&
    version <= 5 &&
    groups > 0n &&
    blocks <= groups * groupBlocks &&
    blocks > (groups - 1n) * groupBlocks
  );
}
