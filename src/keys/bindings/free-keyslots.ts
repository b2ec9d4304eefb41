import { LUKS1_SECTOR_BYTES, parseLuks1 } from "#volume/luks1/luks1.ts";
import { readLuks2Copies } from "#volume/luks2/copies.ts";
import { LUKS2_STRIPES } from "#volume/luks2/keyslot.ts";
import type { Luks2Metadata } from "#volume/luks2/metadata.ts";
import { MOST_KEYSLOTS } from "#volume/luks2/way.ts";
import { readUpTo } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** Areas of keyslots begin and end at multiples of this (LUKS2 On-Disk Format Specification 1.1, section 2.3). */
const AREA_GRAIN_BYTES = 4096;

/**
 * The keyslots of a LUKS volume that one more protector can be added to.
 *
 * Does not look at the volume beyond its header. Of LUKS2 it does not count the JSON area, which has room for all 32 keyslots as
 * cryptsetup makes it.
 *
 * @param source    the volume's place, or its header's pieces
 * @param keyBytes  of the volume key
 * @returns         the lowest first; none where all are in use, or the place for key material is; null where it is no LUKS
 * @throws {LockstepError} as the readers of LUKS do
 */
export async function freeKeyslots(
  source: VolumeSource,
  keyBytes: number,
  signal: AbortSignal,
): Promise<readonly number[] | null> {
  const luks1 = parseLuks1(await readUpTo(source, 0, 2 * LUKS1_SECTOR_BYTES, signal));
  if (luks1 !== null) return luks1.keyslots.filter(({ state }) => state === "disabled").map(({ number }) => number);
  const luks2 = await readLuks2Copies(source, signal);
  if (luks2 === null) return null;
  const { binary, metadata } = luks2;
  if (!hasRoom(metadata, 2n * BigInt(binary.headerBytes), keyBytes)) return [];
  const used = new Set(metadata.keyslots.map(({ number }) => number));
  return Array.from({ length: MOST_KEYSLOTS }, (_, number) => number).filter((number) => !used.has(number));
}

/** Whether a gap between the areas in use takes the key material of one more. */
function hasRoom({ keyslots, config }: Luks2Metadata, startBytes: bigint, keyBytes: number): boolean {
  const needed = BigInt(Math.ceil((keyBytes * LUKS2_STRIPES) / AREA_GRAIN_BYTES) * AREA_GRAIN_BYTES);
  let freeFrom = startBytes;
  const areas = keyslots.map(({ area }) => area).toSorted((a, b) => (a.offsetBytes < b.offsetBytes ? -1 : 1));
  for (const { offsetBytes, lengthBytes } of areas) {
    if (freeFrom + needed <= offsetBytes) return true;
    const end = offsetBytes + lengthBytes;
    if (end > freeFrom) freeFrom = end;
  }
  return freeFrom + needed <= startBytes + config.keyslotsBytes;
}
