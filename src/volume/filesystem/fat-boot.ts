import { Fields } from "#volume/filesystem/fields.ts";
import { isPowerOfTwo } from "#volume/filesystem/recognised.ts";

/** Numbers of a FAT boot sector that agree with one another. */
export type FatBoot = {
  readonly bits: 12 | 16 | 32;
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly sectors: number;
  readonly media: number;
  readonly fatCount: number;
  readonly fatAt: number;
  readonly fatBytes: number;
  /** Of the root folder: FAT12 and 16 have a fixed one, FAT32 a chain of clusters that begins here. */
  readonly rootAt: number;
  readonly rootBytes: number;
  /** FAT32: the sector of the boot sector's copy; 0 for none. */
  readonly backupSector: number;
  readonly serial: Uint8Array | null;
  /** As the boot sector has it, 11 bytes; null where it has none. */
  readonly label: Uint8Array | null;
};

/**
 * Parses a FAT boot sector. The kind follows from the count of clusters, except that a table size in the 32-bit field alone
 * means FAT32 however few the clusters are, as Linux and mkfs.fat see it.
 *
 * @param sector  the first 512 bytes; longer sectors have nothing more
 * @returns       null when this is no FAT boot sector, or one whose numbers contradict one another
 * @see "Microsoft Extensible Firmware Initiative FAT32 File System Specification", 1.03, boot sector and FAT type
 */
export function parseFatBoot(sector: Uint8Array): FatBoot | null {
  if (sector.length < 512) return null;
  const at = new Fields(sector);
  const isJump = (at.u8(0) === 0xeb && at.u8(2) === 0x90) || at.u8(0) === 0xe9 || at.u8(0) === 0x49;
  if (at.u16(510) !== 0xaa55 || !isJump) return null;
  const [sectorBytes, perCluster, reserved] = [at.u16(11), at.u8(13), at.u16(14)];
  if (sectorBytes < 512 || sectorBytes > 4096 || !isPowerOfTwo(sectorBytes)) return null;
  if (!isPowerOfTwo(perCluster) || reserved === 0) return null;
  const [fatCount, rootEntries, media] = [at.u8(16), at.u16(17), at.u8(21)];
  if (fatCount === 0 || fatCount > 2 || (media !== 0xf0 && media < 0xf8)) return null;

  const isFat32 = at.u16(22) === 0;
  const fatSectors = isFat32 ? at.u32(36) : at.u16(22);
  const sectors = at.u16(19) === 0 ? at.u32(32) : at.u16(19);
  const rootSectors = Math.ceil((rootEntries * 32) / sectorBytes);
  const dataAt = reserved + fatCount * fatSectors + rootSectors;
  if (fatSectors === 0 || sectors <= dataAt || (rootEntries === 0) !== isFat32) return null;
  const clusters = Math.floor((sectors - dataAt) / perCluster);
  const bits = isFat32 ? 32 : clusters < 4085 ? 12 : 16;
  if (clusters === 0 || (bits === 16 && clusters >= 65525) || clusters > 0x0fff_fff5) return null;
  // A table too small for all clusters does for those that it has, as Linux takes it; its first two entries are no clusters'.
  const entries = Math.min(Math.floor((fatSectors * sectorBytes * 8) / bits), clusters + 2);
  const rootCluster = isFat32 ? at.u32(44) : 2;
  if (rootCluster < 2 || rootCluster >= entries) return null;
  const extra = isFat32 ? 64 : 36;
  const hasExtra = at.u8(extra + 2) === 0x29 || at.u8(extra + 2) === 0x28;
  return {
    bits,
    sectorBytes,
    clusterBytes: perCluster * sectorBytes,
    sectors,
    media,
    fatCount,
    fatAt: reserved * sectorBytes,
    fatBytes: fatSectors * sectorBytes,
    rootAt: (isFat32 ? dataAt + (rootCluster - 2) * perCluster : dataAt - rootSectors) * sectorBytes,
    rootBytes: isFat32 ? perCluster * sectorBytes : rootEntries * 32,
    backupSector: isFat32 ? at.u16(50) : 0,
    serial: hasExtra ? at.part(extra + 3, 4) : null,
    label: at.u8(extra + 2) === 0x29 ? at.part(extra + 7, 11) : null,
  };
}
