import { equalBytes } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { LockstepError } from "#errors/errors.ts";
import { digest, hashBytes, isHashKnown } from "#volume/cipher/hash.ts";
import { visibleText, visibleUtf8 } from "#volume/source/visible-text.ts";

/** Bytes of the fixed part of a LUKS2 header; the JSON area follows it. */
export const LUKS2_BINARY_BYTES = 4096;

/** Sizes that a header (fixed part and JSON area) may have by the rules, and so the places where the second one may be. */
export const LUKS2_HEADER_SIZES: readonly number[] = Array.from({ length: 9 }, (_, power) => 0x4000 << power);

/** Which of the two headers of a volume. */
export type Luks2Copy = "primary" | "secondary";

/** The fixed part of a LUKS2 header. */
export type Luks2Binary = {
  /** Fixed part and JSON area together, in bytes. */
  readonly headerBytes: number;
  /** Grows with each change. */
  readonly sequence: bigint;
  /** Made visible; null where there is none. */
  readonly label: string | null;
  readonly subsystem: string | null;
  readonly uuid: string | null;
  /** LUKS name of the checksum's hash, in lower case; not verified to be known here. */
  readonly checksumHash: string;
  /** 64 bytes, zeros behind what the hash gives; a view. */
  readonly checksum: Uint8Array;
};

const LEAST_HEADER_BYTES = 0x4000n;
const MOST_HEADER_BYTES = 0x40_0000n;
const MAGIC: Readonly<Record<Luks2Copy, Uint8Array>> = {
  primary: Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe),
  secondary: Uint8Array.of(0x53, 0x4b, 0x55, 0x4c, 0xba, 0xbe),
};
const CHECKSUM_AT = 448;
const CHECKSUM_BYTES = 64;

/**
 * The version that a header says it has. All versions of LUKS have this field in the same place.
 *
 * @param start  from the header's first byte on
 * @returns      null when it does not start with the magic of this copy
 */
export function luksVersion(start: Uint8Array, copy: Luks2Copy): number | null {
  if (start.length < 8 || !equalBytes(start.subarray(0, 6), MAGIC[copy])) return null;
  return new Cursor(start.subarray(6), `LUKS header (${copy})`, "big").u16("version");
}

/**
 * Parses the fixed part of a LUKS2 header. Does not verify its checksum: see `verifyLuks2Checksum`; nor that its size is one of
 * those that there are: see `checkLuks2Rules`, which comes after the checksum, so that a whole header of another size still
 * says where the second one is.
 *
 * @param start        the first 512 bytes at least; `checksum` is a view of it
 * @param offsetBytes  where in the volume it was read: a header says where it belongs
 * @throws {LockstepError} HEADER_CORRUPT: no magic of this copy, another version, or an impossible size or place ·
 *   FIELD_CORRUPT: cut short
 * @see LUKS2 On-Disk Format Specification 1.1, section 2.1
 */
export function parseLuks2Binary(start: Uint8Array, copy: Luks2Copy, offsetBytes: number): Luks2Binary {
  const what = `LUKS2 header (${copy})`;
  const wrong = (field: string, found: string): LockstepError =>
    new LockstepError("HEADER_CORRUPT", `${what}: ${field}: ${found}`);
  const at = new Cursor(start, what, "big");

  if (!equalBytes(at.bytes(6, "magic"), MAGIC[copy])) throw wrong("magic at byte 0", "it is another");
  const version = at.u16("version");
  if (version !== 2) throw wrong("version at byte 6", `${version} is not 2`);
  const headerBytes = at.u64("header size");
  if (headerBytes < LEAST_HEADER_BYTES || headerBytes > MOST_HEADER_BYTES) {
    throw wrong("header size at byte 8", `${headerBytes} bytes are not allowed`);
  }
  const sequence = at.u64("sequence id");
  const label = cString(at.bytes(48, "label"));
  const checksumHash = cString(at.bytes(32, "checksum algorithm")) ?? "";
  at.skip(64, "salt");
  const uuid = cString(at.bytes(40, "uuid"));
  const subsystem = cString(at.bytes(48, "subsystem"));
  const ownOffset = at.u64("header offset");
  if (ownOffset !== BigInt(offsetBytes)) {
    throw wrong("header offset at byte 256", `it says ${ownOffset} and lies at ${offsetBytes}`);
  }
  if (copy === "secondary" && headerBytes !== BigInt(offsetBytes)) {
    throw wrong("header size at byte 8", `${headerBytes} bytes, but it lies at ${offsetBytes}`);
  }
  at.skip(184, "padding");
  const checksum = at.bytes(CHECKSUM_BYTES, "checksum");
  return {
    headerBytes: Number(headerBytes),
    sequence,
    label,
    subsystem,
    uuid,
    checksumHash: checksumHash.toLowerCase(),
    checksum,
  };
}

/**
 * Verifies the checksum of a whole header. It guards against accidents only: whoever changes a header can make it anew.
 *
 * @param whole  fixed part and JSON area, `headerBytes` bytes
 * @throws {LockstepError} HEADER_CORRUPT: it does not fit, or is made with a hash that is not known here
 * @see LUKS2 On-Disk Format Specification 1.1, section 2.1
 */
export function verifyLuks2Checksum(whole: Uint8Array, binary: Luks2Binary, copy: Luks2Copy): void {
  const { checksumHash } = binary;
  const wrong = (found: string): LockstepError =>
    new LockstepError("HEADER_CORRUPT", `LUKS2 header (${copy}): checksum at byte ${CHECKSUM_AT}: ${found}`);
  if (!isHashKnown(checksumHash)) throw wrong(`the hash ${visibleText(checksumHash)} is not known`);
  const found = luks2Checksum(whole, checksumHash);
  if (!equalBytes(found, binary.checksum.subarray(0, found.length))) throw wrong("it does not fit the header");
}

/** The checksum that a whole header should have: as many bytes as the hash gives, 64 at most. */
export function luks2Checksum(whole: Uint8Array, hash: string): Uint8Array {
  const parts = [
    whole.subarray(0, CHECKSUM_AT),
    new Uint8Array(CHECKSUM_BYTES),
    whole.subarray(CHECKSUM_AT + CHECKSUM_BYTES),
  ];
  return digest(hash, ...parts).subarray(0, Math.min(hashBytes(hash), CHECKSUM_BYTES));
}

/** C text of a field whose last byte counts as zero whatever it is; null when it is empty. */
function cString(field: Uint8Array): string | null {
  const text = visibleUtf8(field.subarray(0, field.length - 1));
  return text === "" ? null : text;
}
