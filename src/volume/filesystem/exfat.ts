import { isZero } from "#bytes/arrays.ts";
import { Fields } from "#volume/filesystem/fields.ts";
import { beyond, exact, fromCopy, type ContentFormat, type Recognised } from "#volume/filesystem/recognised.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf16 } from "#volume/source/visible-text.ts";

/** A boot region is 12 sectors: 11 that are summed, and one that repeats the sum. Its copy follows it. */
export const REGION_SECTORS = 12;
const MAX_ROOT_BYTES = 32 * 1024;
const LABEL_ENTRY = 0x83;

type Region = {
  readonly found: Recognised;
  readonly rootAt: number;
  readonly rootBytes: number;
  readonly fits: boolean;
};

/**
 * exFAT, verified by the checksum of its boot region.
 *
 * @see "exFAT file system specification", sections 3.1 (boot sector), 3.4 (boot checksum), 7.3 (volume label)
 */
export const exfat: ContentFormat = {
  name: "exFAT",
  async find(source, signal) {
    const first = await readRegion(source, 0, signal);
    if (first === null) return null;
    if (first !== "broken" && first.fits) return withLabel(first, source, signal);
    const copy = await findBackup(source, "the boot region at byte 0 is damaged", signal);
    return copy ?? (first === "broken" ? null : withLabel(first, source, signal));
  },
  findCopy: (source, signal) => findBackup(source, "there is no boot region at byte 0", signal),
};

async function findBackup(source: VolumeSource, first: string, signal: AbortSignal): Promise<Recognised | null> {
  for (const sectorBytes of [512, 1024, 2048, 4096]) {
    const offsetBytes = REGION_SECTORS * sectorBytes;
    const copy = await readRegion(source, offsetBytes, signal);
    if (copy === null || copy === "broken" || !copy.fits) continue;
    return fromCopy(await withLabel(copy, source, signal), offsetBytes, first);
  }
  return null;
}

async function readRegion(
  source: VolumeSource,
  offsetBytes: number,
  signal: AbortSignal,
): Promise<Region | "broken" | null> {
  const boot = await readUpTo(source, offsetBytes, 512, signal);
  if (boot.length < 512) return null;
  const at = new Fields(boot);
  if (!at.is(3, "EXFAT   ")) return null;
  const [sectorShift, clusterShift] = [at.u8(108), at.u8(109)];
  if (at.u16(510) !== 0xaa55 || !isZero(at.part(11, 53))) return "broken";
  if (sectorShift < 9 || sectorShift > 12 || clusterShift > 25 - sectorShift) return "broken";
  const sectorBytes = 2 ** sectorShift;
  const [heapAt, clusters, rootCluster] = [at.u32(88), at.u32(92), at.u32(96)];
  const sizeBytes = exact(at.u64(72) * BigInt(sectorBytes));
  if (sizeBytes === null || sizeBytes === 0) return "broken";
  if (rootCluster < 2 || rootCluster > clusters + 1 || at.u8(110) < 1 || at.u8(110) > 2) return "broken";

  const region = await readUpTo(source, offsetBytes, REGION_SECTORS * sectorBytes, signal);
  const fits = region.length === REGION_SECTORS * sectorBytes && checksumFits(region, sectorBytes);
  const message = `the checksum of the boot region at byte ${offsetBytes} is wrong`;
  const serial = at.u32(100).toString(16).toUpperCase().padStart(8, "0");
  return {
    fits,
    rootAt: (heapAt + (rootCluster - 2) * 2 ** clusterShift) * sectorBytes,
    rootBytes: 2 ** (clusterShift + sectorShift),
    found: {
      kind: "file system",
      type: "exfat",
      variant: null,
      label: null,
      uuid: `${serial.slice(0, 4)}-${serial.slice(4)}`,
      sizeBytes,
      verified: fits ? "checksum" : "magic only",
      copy: { which: "first", offsetBytes },
      problems: [
        ...(fits ? [] : [{ code: "CHECKSUM_WRONG", message } as const]),
        ...beyond(sizeBytes, source, "the exFAT file system"),
      ],
      lvm: null,
    },
  };
}

/**
 * Whether a boot region's checksum is right. Flags and the percentage in use change while it is mounted: bytes 106, 107 and
 * 112 do not count.
 *
 * @param region  `REGION_SECTORS` sectors
 */
export function checksumFits(region: Uint8Array, sectorBytes: number): boolean {
  const end = 11 * sectorBytes;
  let sum = 0;
  for (let at = 0; at < end; at++) {
    if (at === 106 || at === 107 || at === 112) continue;
    sum = (((sum << 31) | (sum >>> 1)) + (region[at] ?? 0)) >>> 0;
  }
  const stored = new Fields(region);
  for (let at = end; at < end + sectorBytes; at += 4) if (stored.u32(at) !== sum) return false;
  return true;
}

/** The label is an entry of the root folder: its length in units at byte 1, at most 11 units from byte 2. */
async function withLabel(region: Region, source: VolumeSource, signal: AbortSignal): Promise<Recognised> {
  const root = await readUpTo(source, region.rootAt, Math.min(region.rootBytes, MAX_ROOT_BYTES), signal);
  const at = new Fields(root);
  for (let entryAt = 0; entryAt + 32 <= root.length; entryAt += 32) {
    const type = at.u8(entryAt);
    if (type === 0) break;
    if (type !== LABEL_ENTRY) continue;
    const units = Math.min(at.u8(entryAt + 1), 11);
    return { ...region.found, label: visibleUtf16(at.part(entryAt + 2, 2 * units)) || null };
  }
  return region.found;
}
