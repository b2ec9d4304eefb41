import { equalBytes } from "#bytes/arrays.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { VolumeWarning } from "#volume/header/volume.ts";
import {
  LUKS2_BINARY_BYTES,
  LUKS2_HEADER_SIZES,
  luksVersion,
  parseLuks2Binary,
  verifyLuks2Checksum,
} from "#volume/luks2/binary.ts";
import type { Luks2Binary, Luks2Copy } from "#volume/luks2/binary.ts";
import { parseJsonArea } from "#volume/luks2/json.ts";
import type { Luks2Metadata } from "#volume/luks2/metadata.ts";
import { parseLuks2Metadata } from "#volume/luks2/parse.ts";
import { checkLuks2Rules } from "#volume/luks2/rules.ts";
import { readUpTo } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** The header of a LUKS2 volume, from the better one of its two copies. */
export type Luks2Stored = {
  readonly binary: Luks2Binary;
  readonly metadata: Luks2Metadata;
  /** SHA-256 of each copy's place, whatever is in it; null where it cannot be read. */
  readonly copyHashes: Readonly<Record<Luks2Copy, Uint8Array | null>>;
  /** COPY_DAMAGED, COPIES_DIFFER. */
  readonly warnings: readonly VolumeWarning[];
};

type Good = {
  readonly state: "good";
  readonly whole: Uint8Array;
  readonly binary: Luks2Binary;
  readonly metadata: Luks2Metadata;
};
type Broken = {
  readonly state: "broken";
  readonly error: LockstepError;
  /** Size of a header whose checksum is right, so that only its JSON is not; null elsewhere. */
  readonly headerBytes: number | null;
};
type Reading = Good | Broken | { readonly state: "absent" };

/**
 * Reads both headers of a LUKS2 volume, and takes the one that counts: the newer one of those that are good, as cryptsetup
 * does. Where the first does not say its size the second is looked for at each place where it may be.
 *
 * Where something else was written over the first header, the second one is remains of what was there before: cryptsetup does
 * not repair such a volume either until somebody asks it to.
 *
 * At most 8 MiB are read, 4 KiB at each of ten places where there is no LUKS2, and what `findContent` reads where only the
 * second header is good.
 *
 * @returns null when this is not LUKS2: no first header, and no second one that is whole, or something else in its place
 * @throws {LockstepError} HEADER_CORRUPT: LUKS2, and neither header is good, the source is too small for it, or the first
 *   header is damaged and something else is there too ·
 *   VOLUME_UNSUPPORTED: a later version of LUKS · DISK_UNREADABLE, CANCELLED
 * @see LUKS2 On-Disk Format Specification 1.1, sections 2 and 2.4; cryptsetup lib/luks2/luks2_disk_metadata.c
 */
export async function readLuks2Copies(source: VolumeSource, signal: AbortSignal): Promise<Luks2Stored | null> {
  const version = luksVersion(await startOf(source, signal), "primary");
  if (version === 1) return null;
  if (version !== null && version > 2) {
    throw new LockstepError("VOLUME_UNSUPPORTED", `LUKS header: version ${version} is not known here`);
  }
  const primary = await readCopy(source, "primary", 0, signal);
  const secondary = await findSecondary(source, primary, signal);
  const chosen = choose(primary, secondary);
  if (chosen === null) {
    if (primary.state === "broken") throw bothBroken(primary, secondary);
    if (secondary.state === "broken" && secondary.headerBytes !== null) throw secondary.error;
    return null;
  }
  const other = primary.state === "good" ? null : await otherContent(source, signal);
  if (other !== null) {
    if (primary.state !== "broken") return null;
    const found = `${primary.error.message}; and there is ${other} at the volume's start`;
    const hint =
      "If this is LUKS2: `cryptsetup repair` on a copy of the disk writes the first header anew from the second.";
    throw new LockstepError("HEADER_CORRUPT", found, { hint, cause: primary.error });
  }
  const { binary, metadata } = chosen;
  const needed = 2n * BigInt(binary.headerBytes) + metadata.config.keyslotsBytes;
  if (needed > source.sizeBytes) {
    const found = `headers and keyslots take ${needed} bytes, the volume has ${source.sizeBytes}`;
    throw new LockstepError("HEADER_CORRUPT", `LUKS2 header: config.keyslots_size: ${found}`);
  }
  return {
    binary,
    metadata,
    copyHashes: {
      primary: await copyHash(source, primary, 0, binary.headerBytes, signal),
      secondary: await copyHash(source, secondary, binary.headerBytes, binary.headerBytes, signal),
    },
    warnings: warningsOf(primary, secondary),
  };
}

async function startOf(source: VolumeSource, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await readUpTo(source, 0, LUKS2_BINARY_BYTES, signal);
  } catch (error) {
    // The second header may still be readable.
    if (isLockstepError(error, "DISK_UNREADABLE")) return new Uint8Array();
    throw error;
  }
}

/** What else a volume is by what is at its start; null where nothing says, or where it cannot be read. */
async function otherContent(source: VolumeSource, signal: AbortSignal): Promise<string | null> {
  // Loaded only where a header is damaged.
  const { parseBootSector } = await import("#volume/bitlocker/boot-sector.ts");
  const { findContent } = await import("#volume/content.ts");
  try {
    const sector = await readUpTo(source, 0, 512, signal);
    if (parseBootSector(sector) !== null) return "BitLocker";
    // Partitioning tools leave the LUKS magic in front of their table, and with it the sector is not taken for a table elsewhere.
    if (sector[510] === 0x55 && sector[511] === 0xaa) return "a partition table";
    return (await findContent(source, signal))?.type ?? null;
  } catch (error) {
    if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT")) return "BitLocker";
    if (isLockstepError(error, "DISK_UNREADABLE")) return null;
    throw error;
  }
}

async function findSecondary(source: VolumeSource, primary: Reading, signal: AbortSignal): Promise<Reading> {
  const size = sizeOf(primary);
  if (size !== null) return readCopy(source, "secondary", size, signal);
  let found: Reading = { state: "absent" };
  for (const offsetBytes of LUKS2_HEADER_SIZES) {
    const reading = await readCopy(source, "secondary", offsetBytes, signal);
    // The first one with a right checksum counts, whether its JSON is good or not.
    if (sizeOf(reading) !== null) return reading;
    if (found.state === "absent") found = reading;
  }
  return found;
}

function sizeOf(reading: Reading): number | null {
  if (reading.state === "good") return reading.binary.headerBytes;
  return reading.state === "broken" ? reading.headerBytes : null;
}

async function readCopy(
  source: VolumeSource,
  copy: Luks2Copy,
  offsetBytes: number,
  signal: AbortSignal,
): Promise<Reading> {
  let headerBytes: number | null = null;
  try {
    const start = await readUpTo(source, offsetBytes, LUKS2_BINARY_BYTES, signal);
    if (luksVersion(start, copy) === null) return { state: "absent" };
    const { headerBytes: size } = parseLuks2Binary(start, copy, offsetBytes);
    const whole = await readUpTo(source, offsetBytes, size, signal);
    if (whole.length < size) throw cutShort(copy, size, whole.length);
    const binary = parseLuks2Binary(whole, copy, offsetBytes);
    verifyLuks2Checksum(whole, binary, copy);
    headerBytes = size;
    const what = `LUKS2 header (${copy})`;
    const metadata = parseLuks2Metadata(parseJsonArea(whole.subarray(LUKS2_BINARY_BYTES), what), what);
    checkLuks2Rules(metadata, size, what);
    return { state: "good", whole, binary, metadata };
  } catch (error) {
    if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "DISK_UNREADABLE")) {
      return { state: "broken", error, headerBytes };
    }
    throw error;
  }
}

function cutShort(copy: Luks2Copy, size: number, left: number): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `LUKS2 header (${copy}): it takes ${size} bytes, ${left} are left`);
}

function choose(primary: Reading, secondary: Reading): Good | null {
  if (primary.state !== "good") return secondary.state === "good" ? secondary : null;
  const isOlder = secondary.state === "good" && secondary.binary.sequence > primary.binary.sequence;
  return isOlder ? secondary : primary;
}

function bothBroken(primary: Broken, secondary: Reading): LockstepError {
  const other = secondary.state === "broken" ? secondary.error.message : "there is no secondary header";
  const { code, message } = primary.error;
  return new LockstepError(code === "FIELD_CORRUPT" ? "HEADER_CORRUPT" : code, `${message}; and ${other}`, {
    cause: primary.error,
  });
}

function warningsOf(primary: Reading, secondary: Reading): VolumeWarning[] {
  const warnings: VolumeWarning[] = [];
  for (const [copy, reading] of [["primary", primary] as const, ["secondary", secondary] as const]) {
    if (reading.state === "good") continue;
    const why = reading.state === "absent" ? `LUKS2 header (${copy}): it is gone` : reading.error.message;
    warnings.push({ code: "COPY_DAMAGED", message: `${why}. The other copy is good.` });
  }
  if (primary.state === "good" && secondary.state === "good") warnings.push(...differences(primary, secondary));
  return warnings;
}

function differences(primary: Good, secondary: Good): VolumeWarning[] {
  const [a, b] = [primary.binary.sequence, secondary.binary.sequence];
  if (a !== b) {
    const older = a < b ? "primary" : "secondary";
    const message = `The ${older} LUKS2 header is older (sequence ids ${a} and ${b}): a change was not finished.`;
    return [{ code: "COPIES_DIFFER", message }];
  }
  const isSame =
    equalBytes(primary.whole.subarray(LUKS2_BINARY_BYTES), secondary.whole.subarray(LUKS2_BINARY_BYTES)) &&
    primary.binary.uuid === secondary.binary.uuid &&
    primary.binary.label === secondary.binary.label &&
    primary.binary.subsystem === secondary.binary.subsystem;
  if (isSame) return [];
  const message = `The two LUKS2 headers have one sequence id, ${a}, and differ: cryptsetup does not write such. The primary one was taken.`;
  return [{ code: "COPIES_DIFFER", message }];
}

async function copyHash(
  source: VolumeSource,
  reading: Reading,
  offsetBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  if (reading.state === "good" && reading.whole.length === lengthBytes) return sha256(reading.whole);
  try {
    return sha256(await source.read(offsetBytes, lengthBytes, signal));
  } catch (error) {
    if (isLockstepError(error, "DISK_UNREADABLE")) return null;
    throw error;
  }
}
