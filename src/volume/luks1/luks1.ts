import { equalBytes } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";

/** Bytes of a LUKS1 header without the key material. */
export const LUKS1_HEADER_BYTES = 592;
/** LUKS1 counts all places in sectors of this size, and encrypts in them. */
export const LUKS1_SECTOR_BYTES = 512;
/** Stripes of every keyslot. The field is there, and cryptsetup refuses another number. */
export const LUKS1_STRIPES = 4000;
/** The longest volume key that is read; it bounds the key material of a keyslot to 2 MB. dm-crypt's longest has 128 bytes. */
const MOST_KEY_BYTES = 512;

const MAGIC = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];
/** What `cryptsetup reencrypt` writes in the place of the magic of LUKS1 while it works, so that nobody opens the volume. */
const MAGIC_REENCRYPTING = [0x4c, 0x55, 0x4b, 0x53, 0xde, 0xad];

const KEYSLOTS = 8;
const KEYSLOTS_AT = 208;
const KEYSLOT_BYTES = 48;
const ENABLED = 0x00ac71f3;
const DISABLED = 0x0000dead;

/** A keyslot as the header describes it. */
export type Luks1Keyslot = {
  readonly number: number;
  /** `damaged`: neither of the two values that there are, `stateValue` has it. cryptsetup passes such a keyslot over. */
  readonly state: "enabled" | "disabled" | "damaged";
  readonly stateValue: number;
  /** PBKDF2 rounds; 0 in a keyslot that is not in use, or is damaged. */
  readonly iterations: number;
  /** 32 bytes, a view. */
  readonly salt: Uint8Array;
  /** From the start of the header; the length of all key material is the header's `materialBytes`. */
  readonly materialOffsetBytes: number;
};

/** A LUKS1 header. */
export type Luks1Header = {
  /** An offline re-encryption has begun and not ended: where it stands is in its log file, not in the volume. */
  readonly isReencrypting: boolean;
  /** `aes` */
  readonly cipherName: string;
  /** `xts-plain64` */
  readonly cipherMode: string;
  /** As written; cryptsetup compares it without regard to case. Of the PBKDF2s and the anti-forensic stripes. */
  readonly hash: string;
  /** Where the sectors begin, from the start of the header; 0: the header is kept apart from them. */
  readonly payloadOffsetBytes: number;
  readonly keyBytes: number;
  /** 20 bytes whatever the hash, a view. */
  readonly digest: Uint8Array;
  /** 32 bytes, a view. */
  readonly digestSalt: Uint8Array;
  readonly digestIterations: number;
  /** Bytes that are not printable ASCII are written `\x00`. */
  readonly uuid: string;
  readonly keyslots: readonly Luks1Keyslot[];
  /** Bytes of each keyslot's key material, whole sectors. */
  readonly materialBytes: number;
};

/**
 * The version of LUKS that a header says it has, whichever that is.
 *
 * @param area  the first bytes of the volume
 * @returns     null when there is no magic of LUKS (that of LUKS2's second copy is another one)
 */
export function luksVersion(area: Uint8Array): number | null {
  if (area.length < 8 || !(startsWith(area, MAGIC) || startsWith(area, MAGIC_REENCRYPTING))) return null;
  return ((area[6] ?? 0) << 8) | (area[7] ?? 0);
}

/**
 * Parses a LUKS1 header and checks all that cryptsetup checks, on keyslots that are not in use too. Does not check whether
 * the cipher and the hash are known, nor whether the volume is as large as the header needs it. A keyslot whose state is
 * damaged, or that is in use with 0 iterations, is not refused: cryptsetup opens the volume by the others.
 *
 * @param area  from the start of the volume; 592 bytes are read; salts and digest are views of it
 * @returns     sizes and offsets in bytes; null when this is not LUKS1, so detection can go on (see `luksVersion`)
 * @throws {LockstepError} HEADER_CORRUPT: LUKS1 by its magic and version, but cut short or impossible
 * @see LUKS1 On-Disk Format Specification 1.2.3, section 2.2; cryptsetup lib/luks1/keymanage.c, LUKS_check_keyslots
 */
export function parseLuks1(area: Uint8Array): Luks1Header | null {
  if (luksVersion(area) !== 1) return null;
  try {
    return parse(new Cursor(area, "LUKS1 header", "big"), startsWith(area, MAGIC_REENCRYPTING));
  } catch (error) {
    if (!isLockstepError(error, "FIELD_CORRUPT")) throw error;
    throw new LockstepError("HEADER_CORRUPT", error.message, { cause: error });
  }
}

function parse(at: Cursor, isReencrypting: boolean): Luks1Header {
  at.skip(8, "magic and version");
  const cipherName = name(at, "cipher name");
  const cipherMode = name(at, "cipher mode");
  const hash = name(at, "hash");
  const payloadSectors = at.u32("payload offset");
  const keyBytes = at.u32("key bytes");
  if (keyBytes === 0 || keyBytes > MOST_KEY_BYTES) {
    throw at.corrupt("key bytes", `${keyBytes} is not from 1 to ${MOST_KEY_BYTES}`);
  }
  const digest = at.bytes(20, "digest of the volume key");
  const digestSalt = at.bytes(32, "salt of the digest");
  const digestIterations = at.u32("iterations of the digest");
  if (digestIterations === 0) throw at.corrupt("iterations of the digest", "0 is not allowed");
  const uuid = visible(beforeZero(at.bytes(40, "UUID")));

  const materialSectors = Math.ceil((keyBytes * LUKS1_STRIPES) / LUKS1_SECTOR_BYTES);
  const keyslots: Luks1Keyslot[] = [];
  for (let number = 0; number < KEYSLOTS; number++) {
    keyslots.push(parseKeyslot(at, number, payloadSectors, materialSectors));
  }
  const materialBytes = materialSectors * LUKS1_SECTOR_BYTES;
  refuseOverlap(keyslots, materialBytes);
  return {
    isReencrypting,
    cipherName,
    cipherMode,
    hash,
    payloadOffsetBytes: payloadSectors * LUKS1_SECTOR_BYTES,
    keyBytes,
    digest,
    digestSalt,
    digestIterations,
    uuid,
    keyslots,
    materialBytes,
  };
}

function parseKeyslot(at: Cursor, number: number, payloadSectors: number, materialSectors: number): Luks1Keyslot {
  const field = (what: string): string => `${what} of keyslot ${number}`;
  const stateValue = at.u32(field("state"));
  const iterations = at.u32(field("iterations"));
  const salt = at.bytes(32, field("salt"));
  const offset = field("key material's offset");
  const sector = at.u32(offset);
  if (sector * LUKS1_SECTOR_BYTES < LUKS1_HEADER_BYTES) throw at.corrupt(offset, `sector ${sector} is in the header`);
  if (payloadSectors !== 0 && sector + materialSectors > payloadSectors) {
    const run = `${materialSectors} sectors from ${sector} on`;
    throw at.corrupt(offset, `${run} reach into the payload, which begins at sector ${payloadSectors}`);
  }
  const stripes = at.u32(field("stripes"));
  if (stripes !== LUKS1_STRIPES) throw at.corrupt(field("stripes"), `${stripes} is not ${LUKS1_STRIPES}`);
  const state = stateValue === ENABLED ? "enabled" : stateValue === DISABLED ? "disabled" : "damaged";
  return { number, state, stateValue, iterations, salt, materialOffsetBytes: sector * LUKS1_SECTOR_BYTES };
}

function refuseOverlap(keyslots: readonly Luks1Keyslot[], materialBytes: number): void {
  const sorted = keyslots.toSorted((a, b) => a.materialOffsetBytes - b.materialOffsetBytes);
  for (const [i, keyslot] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before === undefined || before.materialOffsetBytes + materialBytes <= keyslot.materialOffsetBytes) continue;
    const field = `key material's offset of keyslot ${keyslot.number}`;
    const at = KEYSLOTS_AT + keyslot.number * KEYSLOT_BYTES + 40;
    const sector = keyslot.materialOffsetBytes / LUKS1_SECTOR_BYTES;
    throw new LockstepError(
      "HEADER_CORRUPT",
      `LUKS1 header: ${field} at byte ${at}: sector ${sector} is within the key material of keyslot ${before.number}`,
    );
  }
}

/** A name in 32 bytes: it ends at the first zero, and byte 31 is taken for one, as cryptsetup does. */
function name(at: Cursor, field: string): string {
  const raw = beforeZero(at.bytes(32, field));
  const odd = raw.find((byte) => !isPrintable(byte));
  if (odd !== undefined) throw at.corrupt(field, `byte 0x${odd.toString(16)} is not printable ASCII`);
  if (raw.length === 0) throw at.corrupt(field, "it is empty");
  return visible(raw);
}

function beforeZero(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? field.length - 1 : end);
}

function visible(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += isPrintable(byte) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return text;
}

function isPrintable(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e;
}

function startsWith(area: Uint8Array, magic: readonly number[]): boolean {
  return equalBytes(area.subarray(0, magic.length), Uint8Array.from(magic));
}
