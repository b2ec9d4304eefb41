import { equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { BootSector } from "#volume/bitlocker/boot-sector.ts";
import { cipherOf, specOf } from "#volume/bitlocker/cipher.ts";
import type { BitlockerCipher } from "#volume/bitlocker/cipher.ts";
import type { BitlockerLayout } from "#volume/bitlocker/mapping.ts";
import { AREA_BYTES } from "#volume/bitlocker/metadata.ts";
import type { Metadata } from "#volume/bitlocker/metadata.ts";
import type { BitlockerState } from "#volume/bitlocker/state.ts";
import { readUpTo } from "#volume/source/source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";

/** Where everything is in a volume, and the sectors that are needed to tell. */
export type LayoutFound = {
  readonly sectorBytes: number;
  /** Whether the header leaves the sector size open. */
  readonly isSectorSizeAssumed: boolean;
  readonly cipher: BitlockerCipher | null;
  /** What the three copies of the metadata lie in. */
  readonly areas: readonly Place[];
  /** Where the first bytes are kept; null for Windows Vista. */
  readonly movedBoot: Place | null;
  /** Windows Vista's: the number that belongs into its boot sector. */
  readonly mftMirror: bigint | null;
  /** What decides how the plaintext is made; null when it cannot be read. */
  readonly readable: { readonly layout: BitlockerLayout; readonly cipher: BitlockerCipher } | null;
  /** Why it cannot be read, in words; null when it can. */
  readonly unreadable: string | null;
  /** The first of the moved boot sectors, as stored; null where there is none, or it cannot be read. */
  readonly movedSector: Uint8Array | null;
  /** Places besides the metadata that were read, ascending. */
  readonly read: readonly Place[];
};

/** What a layout is made from. */
export type LayoutParts = {
  readonly boot: BootSector;
  readonly metadata: Metadata;
  readonly state: BitlockerState;
};

/** Of a volume without encrypted sectors, which may not say which cipher it had. */
const UNUSED = cipherOf(0x8004);

/** Of a place or size: so that two of them can be added. */
const GREATEST = 2n ** 52n;
const SECTOR_SIZES = [512, 4096];
/** Windows Vista left as many sectors at the start in plain, and reserved as much for a copy. */
const VISTA_PLAIN_SECTORS = 16;
const VISTA_AREA_BYTES = 16 * 1024;

/**
 * Works out the layout. Does not check that it fits the volume's size: `bitlockerMapping` does.
 *
 * @throws {LockstepError} HEADER_CORRUPT: a number is impossible · what the source throws, but DISK_UNREADABLE
 */
export async function readLayout(source: VolumeSource, parts: LayoutParts, signal: AbortSignal): Promise<LayoutFound> {
  const { boot, metadata, state } = parts;
  const { head } = metadata;
  const { sectorBytes, isSectorSizeAssumed } = sectorSizeOf(parts);
  const cipher = cipherOf(head.method);
  const areaBytes = head.version === 1 ? roundUp(VISTA_AREA_BYTES, boot.ntfs?.clusterBytes ?? 1) : AREA_BYTES;
  const areas = head.copyOffsets.map((offset) => {
    return { offsetBytes: toNumber(offset, "offset of a metadata copy"), lengthBytes: roundUp(areaBytes, sectorBytes) };
  });
  const movedBoot = head.version === 1 ? null : movedBootOf(metadata, sectorBytes);
  const used = cipher ?? (state.encryptedBytes === 0n ? UNUSED : null);
  const unreadable = state.unreadable ?? whyUnreadable(head.method, used, sectorBytes);

  const sectors = movedBoot === null ? await readVistaSectors(source, parts, signal) : null;
  const first = movedBoot === null ? null : { offsetBytes: movedBoot.offsetBytes, lengthBytes: sectorBytes };
  const movedSector = first === null ? null : await readOrNull(source, first, signal);
  const read = first === null || movedSector === null ? (sectors?.places ?? []) : [first];

  const found = { sectorBytes, isSectorSizeAssumed, cipher, areas, movedBoot, unreadable, movedSector, read };
  const mftMirror = head.version === 1 ? head.lastField : null;
  if (used === null || unreadable !== null) return { ...found, mftMirror, readable: null };
  const layout: BitlockerLayout = {
    spec: specOf(used, sectorBytes),
    zeroAreas: movedBoot === null ? areas : [...areas, movedBoot],
    movedBoot,
    encryptedBytes: state.encryptedBytes === null ? null : toNumber(state.encryptedBytes, "size of the encrypted part"),
    plainBytes: movedBoot === null ? VISTA_PLAIN_SECTORS * sectorBytes : 0,
    literals: sectors?.literals ?? [],
  };
  return { ...found, mftMirror, readable: { layout, cipher: used } };
}

/** Where the places that the header names end. */
export function leastBytes({ areas, movedBoot }: LayoutFound): number {
  const places = movedBoot === null ? areas : [...areas, movedBoot];
  return Math.max(...places.map(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes));
}

/** Where the boot sectors were moved to; the entry counts, which late Windows 10 left out, before the head. */
function movedBootOf({ head, movedBoot }: Metadata, sectorBytes: number): Place {
  const lengthBytes = movedBoot?.lengthBytes ?? BigInt(head.movedSectors * sectorBytes);
  const place = {
    offsetBytes: toNumber(movedBoot?.offsetBytes ?? head.lastField, "offset of the moved boot sectors"),
    lengthBytes: toNumber(lengthBytes, "size of the moved boot sectors"),
  };
  if (place.lengthBytes === 0) throw corrupt("it does not say where its boot sectors were moved to");
  if (place.offsetBytes % sectorBytes !== 0) {
    throw corrupt(`its boot sectors were moved to byte ${place.offsetBytes}, within a sector of ${sectorBytes} bytes`);
  }
  return place;
}

/** exFAT's boot sector leaves the size open; then what was moved tells, which is counted in bytes and in sectors. */
function sectorSizeOf({ boot, metadata }: LayoutParts): Pick<LayoutFound, "sectorBytes" | "isSectorSizeAssumed"> {
  const { sectorBytes } = boot;
  if (sectorBytes !== 0) {
    if (sectorBytes === 1024 || sectorBytes === 2048 || SECTOR_SIZES.includes(sectorBytes)) {
      return { sectorBytes, isSectorSizeAssumed: false };
    }
    throw corrupt(`its boot sector's bytes per sector at byte 11: ${sectorBytes} is not allowed`);
  }
  const { movedSectors } = metadata.head;
  const bytes = Number(metadata.movedBoot?.lengthBytes ?? 0n);
  const told = SECTOR_SIZES.find((size) => size * movedSectors === bytes && bytes > 0);
  return { sectorBytes: told ?? 512, isSectorSizeAssumed: true };
}

function whyUnreadable(method: number, cipher: BitlockerCipher | null, sectorBytes: number): string | null {
  if (cipher === null) return `its method 0x${(method & 0xffff).toString(16)} is not known here`;
  return SECTOR_SIZES.includes(sectorBytes) ? null : `sectors of ${sectorBytes} bytes are not read here`;
}

/**
 * Windows Vista's boot sector and, where it has one, the backup at the volume's end, as Windows shows them: NTFS's, with two
 * fields put back.
 *
 * @see libbde, "BDE format", section "BitLocker Windows Vista"; dislocker src/inouts/sectors.c for the backup
 */
async function readVistaSectors(
  source: VolumeSource,
  { boot, metadata }: LayoutParts,
  signal: AbortSignal,
): Promise<{ readonly literals: BitlockerLayout["literals"]; readonly places: readonly Place[] }> {
  const { sectorBytes } = boot;
  const places: Place[] = [];
  const literals: { offsetBytes: number; bytes: Uint8Array }[] = [];
  for (const offset of [0n, (boot.ntfs?.sectors ?? 0n) * BigInt(sectorBytes)]) {
    const isRepeated = offset === 0n && places.length > 0;
    if (isRepeated || offset + BigInt(sectorBytes) > BigInt(source.sizeBytes)) continue;
    const place = { offsetBytes: Number(offset), lengthBytes: sectorBytes };
    const bytes = await readOrNull(source, place, signal);
    if (bytes === null || !equalBytes(bytes.subarray(3, 11), utf8("-FVE-FS-"))) continue;
    bytes.set(utf8("NTFS    "), 3);
    new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(56, metadata.head.lastField, true);
    places.push(place);
    literals.push({ offsetBytes: place.offsetBytes, bytes });
  }
  return { literals, places };
}

/** All bytes of a place, a copy; null where the source ends before, or the medium refuses. */
async function readOrNull(source: VolumeSource, place: Place, signal: AbortSignal): Promise<Uint8Array | null> {
  try {
    const bytes = await readUpTo(source, place.offsetBytes, place.lengthBytes, signal);
    return bytes.length === place.lengthBytes ? bytes : null;
  } catch (error) {
    if (isLockstepError(error, "DISK_UNREADABLE")) return null;
    throw error;
  }
}

function toNumber(value: bigint, what: string): number {
  if (value > GREATEST) throw corrupt(`${what}: ${value} is too large`);
  return Number(value);
}

function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

function corrupt(found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `BitLocker volume: ${found}`);
}
