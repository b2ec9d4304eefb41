import { REGION_SECTORS, checksumFits } from "#volume/filesystem/exfat.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import type { Judgement, StructureFamily } from "#volume/filesystem/structure.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

/**
 * The structure of exFAT that has a checksum besides the first boot region: the copy of that region.
 *
 * @param source  with a good boot region at its first place
 * @see "exFAT file system specification", section 3.4
 */
export async function exfatStructures(source: VolumeSource, signal: AbortSignal): Promise<readonly StructureFamily[]> {
  const sectorBytes = 2 ** new Fields(await readUpTo(source, 0, 512, signal)).u8(108);
  const regionBytes = REGION_SECTORS * sectorBytes;
  const judge = (bytes: Uint8Array): Judgement =>
    bytes.length === regionBytes && new Fields(bytes).is(3, "EXFAT   ") && checksumFits(bytes, sectorBytes)
      ? "right"
      : "wrong";
  return [{ count: 1, at: () => ({ place: { offsetBytes: regionBytes, lengthBytes: regionBytes }, judge }) }];
}
