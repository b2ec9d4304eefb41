import { parseFatBoot, type FatBoot } from "#volume/filesystem/fat-boot.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import {
  beyond,
  fromCopy,
  type ContentFormat,
  type ContentProblem,
  type Recognised,
} from "#volume/filesystem/recognised.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf8 } from "#volume/source/visible-text.ts";

/** Of the root folder no more is read; the label is one of its first entries. */
const MAX_ROOT_BYTES = 32 * 1024;
const IS_LABEL = 0x08;
const LONG_NAME = 0x0f;

/**
 * FAT12, FAT16 and FAT32. None has a checksum: verified is that the numbers agree, and that the allocation table begins with
 * the media byte of the boot sector. Only FAT32 keeps a copy of its boot sector, by convention at sector 6.
 */
export const fat: ContentFormat = {
  name: "FAT",
  async find(source, signal) {
    const boot = parseFatBoot(await readUpTo(source, 0, 512, signal));
    return boot === null ? null : recognise(boot, source, 0, signal);
  },
  async findCopy(source, signal) {
    for (const sectorBytes of [512, 4096, 1024, 2048]) {
      const offsetBytes = 6 * sectorBytes;
      const boot = parseFatBoot(await readUpTo(source, offsetBytes, 512, signal));
      if (boot === null || boot.sectorBytes !== sectorBytes || boot.backupSector !== 6) continue;
      const found = await recognise(boot, source, offsetBytes, signal);
      return fromCopy(found, offsetBytes, "there is no boot sector at byte 0");
    }
    return null;
  },
};

async function recognise(
  boot: FatBoot,
  source: VolumeSource,
  offsetBytes: number,
  signal: AbortSignal,
): Promise<Recognised> {
  const sizeBytes = boot.sectors * boot.sectorBytes;
  const table = await readUpTo(source, boot.fatAt, 8, signal);
  const begins = table.length === 8 && tableBegins(boot, table);
  const message = `the allocation table at byte ${boot.fatAt} does not begin with the media byte of the boot sector`;
  const problems: ContentProblem[] = begins ? [] : [{ code: "INCONSISTENT", message }];
  const root = await readUpTo(source, boot.rootAt, Math.min(boot.rootBytes, MAX_ROOT_BYTES), signal);
  const label = labelOf(labelInRoot(root) ?? boot.label);
  return {
    kind: "file system",
    type: "vfat",
    variant: `FAT${boot.bits}`,
    label: label === "" || label === "NO NAME" ? null : label,
    uuid: boot.serial === null ? null : serialText(boot.serial),
    sizeBytes,
    verified: begins ? "structure" : "magic only",
    copy: { which: "first", offsetBytes },
    problems: [...problems, ...beyond(sizeBytes, source, "the FAT file system")],
    lvm: null,
  };
}

/** The first entry is the media byte and ones; the second marks an end, apart from two bits of state. */
function tableBegins({ bits, media }: FatBoot, table: Uint8Array): boolean {
  const at = new Fields(table);
  if (at.u8(0) !== media) return false;
  if (bits === 12) return at.u16(1) === 0xffff;
  if (bits === 16) return at.u8(1) === 0xff && (at.u16(2) & 0x3fff) === 0x3fff;
  return (at.u32(0) & 0x0fff_ff00) === 0x0fff_ff00 && (at.u32(4) & 0x03ff_fff8) === 0x03ff_fff8;
}

/** The entry of the root folder that holds the label, which counts more than the boot sector's. */
function labelInRoot(root: Uint8Array): Uint8Array | null {
  for (let entryAt = 0; entryAt + 32 <= root.length; entryAt += 32) {
    const first = root[entryAt] ?? 0;
    const attributes = root[entryAt + 11] ?? 0;
    if (first === 0) return null;
    if (first === 0xe5 || (attributes & 0x3f) === LONG_NAME) continue;
    if ((attributes & 0x18) === IS_LABEL && isEmptyFile(root.subarray(entryAt, entryAt + 32))) {
      return root.subarray(entryAt, entryAt + 11);
    }
  }
  return null;
}

/** A label has neither clusters nor a length, and no control characters: a folder that was never written is no folder. */
function isEmptyFile(entry: Uint8Array): boolean {
  const fields = new Fields(entry);
  const hasNone = fields.u16(20) === 0 && fields.u16(26) === 0 && fields.u32(28) === 0;
  return hasNone && entry.subarray(1, 11).every((byte) => byte >= 0x20);
}

/** Padded with blanks; a first byte of 5 stands for 0xe5, which would mean a deleted entry. */
function labelOf(bytes: Uint8Array | null): string {
  if (bytes === null) return "";
  return visibleUtf8(bytes[0] === 0x05 ? bytes.with(0, 0xe5) : bytes).trimEnd();
}

function serialText(serial: Uint8Array): string {
  const digits = new Fields(serial).u32(0).toString(16).toUpperCase().padStart(8, "0");
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}
