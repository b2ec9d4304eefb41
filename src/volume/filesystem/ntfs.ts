import { Fields } from "#volume/filesystem/fields.ts";
import { readFileRecord, volumeName } from "#volume/filesystem/ntfs-record.ts";
import {
  beyond,
  exact,
  fromCopy,
  isPowerOfTwo,
  type ContentFormat,
  type ContentProblem,
  type Recognised,
} from "#volume/filesystem/recognised.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";

/** Numbers of a boot sector that agree with one another. */
export type Boot = {
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly recordBytes: number;
  readonly sectors: bigint;
  readonly tableAt: number;
  readonly mirrorAt: number;
  readonly serial: bigint;
};

/** Record 3 of the file table describes the volume; its mirror has the first four. */
const VOLUME_RECORD = 3;

/**
 * NTFS. It has no checksum: verified is that the first record of the file table is one and that its update sequence fits, so
 * that every 512 bytes of it were written together. The copy of the boot sector is the sector behind the last one.
 *
 * @see Linux fs/ntfs3/ntfs.h for the layout; "NTFS Documentation", Russon & Fledel, files $Boot, $MFT and $Volume
 */
export const ntfs: ContentFormat = {
  name: "NTFS",
  async find(source, signal) {
    const sector = await readUpTo(source, 0, 512, signal);
    if (sector.length < 512 || !new Fields(sector).is(3, "NTFS    ")) return null;
    const boot = parseBoot(sector);
    if (boot === null) return findBackup(source, "the boot sector at byte 0 is damaged", signal);
    return recognise(boot, source, 0, signal);
  },
  findCopy: (source, signal) => findBackup(source, "there is no boot sector at byte 0", signal),
};

async function findBackup(source: VolumeSource, first: string, signal: AbortSignal): Promise<Recognised | null> {
  for (const sectorBytes of [512, 4096]) {
    const offsetBytes = (Math.floor(source.sizeBytes / sectorBytes) - 1) * sectorBytes;
    if (offsetBytes <= 0) continue;
    const sector = await readUpTo(source, offsetBytes, 512, signal);
    const boot = sector.length < 512 ? null : parseBoot(sector);
    if (boot === null || boot.sectorBytes !== sectorBytes) continue;
    const found = await recognise(boot, source, offsetBytes, signal);
    return fromCopy(found, offsetBytes, first);
  }
  return null;
}

/** The boot sector's numbers; null when it is none of NTFS, or one that cannot be. */
export function parseBoot(sector: Uint8Array): Boot | null {
  const at = new Fields(sector);
  if (sector.length < 512 || !at.is(3, "NTFS    ") || at.u16(510) !== 0xaa55) return null;
  const sectorBytes = at.u16(11);
  if (sectorBytes < 256 || sectorBytes > 4096 || !isPowerOfTwo(sectorBytes)) return null;
  const clusterBytes = sectorBytes * powerOrCount(at.u8(13), 0x80);
  // fields of FAT's boot sector that NTFS has no use for and that must be zero
  if (at.u16(14) !== 0 || at.u8(16) !== 0 || at.u16(17) !== 0 || at.u16(19) !== 0 || at.u16(22) !== 0) return null;
  if (!isPowerOfTwo(clusterBytes) || clusterBytes > 2 * 1024 * 1024) return null;
  const perRecord = at.u8(64);
  const recordBytes = perRecord >= 0x80 ? 2 ** (256 - perRecord) : perRecord * clusterBytes;
  if (recordBytes < 256 || recordBytes > 64 * 1024 || !isPowerOfTwo(recordBytes)) return null;
  const sectors = at.u64(40);
  const bytes = exact(sectors * BigInt(sectorBytes));
  const [tableAt, mirrorAt] = [exact(at.u64(48) * BigInt(clusterBytes)), exact(at.u64(56) * BigInt(clusterBytes))];
  if (bytes === null || bytes === 0 || tableAt === null || mirrorAt === null) return null;
  if (tableAt === 0 || tableAt >= bytes || mirrorAt >= bytes) return null;
  return { sectorBytes, clusterBytes, recordBytes, sectors, tableAt, mirrorAt, serial: at.u64(72) };
}

/** Small values are a count; from `limit` on, the number of shifts as a negative byte. */
function powerOrCount(value: number, limit: number): number {
  return value > limit ? 2 ** (256 - value) : value;
}

async function recognise(
  boot: Boot,
  source: VolumeSource,
  offsetBytes: number,
  signal: AbortSignal,
): Promise<Recognised> {
  const problems: ContentProblem[] = [];
  let label: string | null = null;
  let isShown = false;
  for (const [what, at] of [
    ["file table", boot.tableAt],
    ["mirror of the file table", boot.mirrorAt],
  ] as const) {
    const first = await readFileRecord(source, at, boot.recordBytes, signal);
    const volume = await readFileRecord(source, at + VOLUME_RECORD * boot.recordBytes, boot.recordBytes, signal);
    isShown = first !== null && volume !== null;
    if (volume !== null) label = volumeName(volume);
    if (isShown) break;
    const message = `the ${what} at byte ${at} is damaged: its first records are none`;
    problems.push({ code: "INCONSISTENT", message });
  }
  // the file system counts one sector less than its partition has: the last one is the boot sector's copy
  const sizeBytes = exact(boot.sectors * BigInt(boot.sectorBytes));
  return {
    kind: "file system",
    type: "ntfs",
    variant: null,
    label: label === "" ? null : label,
    uuid: boot.serial.toString(16).toUpperCase().padStart(16, "0"),
    sizeBytes,
    verified: isShown ? "checksum" : "magic only",
    copy: { which: "first", offsetBytes },
    problems: [...problems, ...beyond(sizeBytes, source, "the NTFS file system")],
    lvm: null,
  };
}
