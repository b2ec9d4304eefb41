import { equalBytes } from "#bytes/arrays.ts";
import { btrfsChecksum } from "#volume/filesystem/btrfs-checksum.ts";
import { PLACES, SUPERBLOCK_BYTES } from "#volume/filesystem/btrfs.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { exact } from "#volume/filesystem/recognised.ts";
import type { Judgement, Structure, StructureFamily } from "#volume/filesystem/structure.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

const CHUNKS_AT = 811;
const MAX_CHUNKS_BYTES = 2048;
const KEY_BYTES = 17;
const CHUNK_BYTES = 48;
const STRIPE_BYTES = 32;
/** Kinds whose stripes are whole copies of the chunk have none of these: RAID 0, 10, 5 and 6. */
const STRIPED = 0x8 | 0x40 | 0x80 | 0x100;
const BYTENR_AT = 48;

/**
 * The structures of Btrfs that the superblock leads to: its mirrors, and the copies of the chunk tree's root that lie on this
 * device.
 *
 * @param source  with a good superblock at its first place
 * @see Btrfs documentation, "On-disk Format": superblock, sys_chunk_array, node header
 */
export async function btrfsStructures(source: VolumeSource, signal: AbortSignal): Promise<readonly StructureFamily[]> {
  const superblock = new Fields(await readUpTo(source, PLACES[0], SUPERBLOCK_BYTES, signal));
  const checksumType = superblock.u16(196);
  const deviceBytes = exact(superblock.u64(209)) ?? 0;
  const mirrors = PLACES.slice(1).filter((offsetBytes) => offsetBytes + SUPERBLOCK_BYTES <= deviceBytes);
  const nodeBytes = superblock.u32(148);
  const root = superblock.u64(88);
  const copies = placesOf(superblock, root);
  const block = (offsetBytes: number, lengthBytes: number, address: bigint): Structure => ({
    place: { offsetBytes, lengthBytes },
    judge: (bytes) => judge(bytes, lengthBytes, address, checksumType),
  });
  return [
    {
      count: mirrors.length,
      at: (index) => block(mirrors[index] ?? 0, SUPERBLOCK_BYTES, BigInt(mirrors[index] ?? 0)),
    },
    { count: copies.length, at: (index) => block(copies[index] ?? 0, nodeBytes, root) },
  ];
}

/** Superblocks and nodes begin alike: checksum, file system, and the address that they belong to. */
async function judge(
  bytes: Uint8Array,
  lengthBytes: number,
  address: bigint,
  checksumType: number,
): Promise<Judgement> {
  if (bytes.length < lengthBytes || new Fields(bytes).u64(BYTENR_AT) !== address) return "wrong";
  const sum = await btrfsChecksum(checksumType, bytes.subarray(32));
  return sum !== null && equalBytes(sum, bytes.subarray(0, sum.length)) ? "right" : "wrong";
}

/** Where a logical address lies on this device, by the superblock's own list of chunks; none where that does not say. */
function placesOf(superblock: Fields, address: bigint): readonly number[] {
  const deviceId = superblock.u64(201);
  const end = CHUNKS_AT + Math.min(superblock.u32(160), MAX_CHUNKS_BYTES);
  const places: number[] = [];
  for (let at = CHUNKS_AT; at + KEY_BYTES + CHUNK_BYTES <= end;) {
    const start = superblock.u64(at + 9);
    const chunkAt = at + KEY_BYTES;
    const [length, kind, stripes] = [
      superblock.u64(chunkAt),
      superblock.u64(chunkAt + 24),
      superblock.u16(chunkAt + 44),
    ];
    const isHere = address >= start && address < start + length && (kind & BigInt(STRIPED)) === 0n;
    at = chunkAt + CHUNK_BYTES + stripes * STRIPE_BYTES;
    if (at > end) break;
    for (let stripe = 0; isHere && stripe < stripes; stripe++) {
      const stripeAt = chunkAt + CHUNK_BYTES + stripe * STRIPE_BYTES;
      const place = exact(superblock.u64(stripeAt + 8) + (address - start));
      if (superblock.u64(stripeAt) === deviceId && place !== null) places.push(place);
    }
  }
  return places;
}
