import { fromBase64, base64, fromHex, hex } from "#bytes/text.ts";
import { FINGERPRINT_BYTES } from "#crypto/fingerprint.ts";
import { LockstepError } from "#errors/errors.ts";
import { hex32 } from "#vault/object/ids.ts";
import type { SegmentId } from "#vault/object/ids.ts";

/*
 * A pointer says where a block or a tree node lies and what its content is. Pointers are kept packed, one after the
 * other in byte arrays; these functions read and write one of them at a byte offset. All numbers are little-endian.
 *
 *   0  u32  number of the session that wrote the segment; 0: no pointer, everything below it is zeros
 *   4  8    nonce of that session
 *  12  u32  counter of the segment in that session
 *  16  u16  slot
 *  18  u16  flags
 *  20  16   fingerprint of the plaintext
 */

/** Bytes of a pointer. */
export const POINTER_BYTES = 36;

/** Flag: the source could not read all of this block; what it could not read is stored as zeros. */
export const FLAG_UNREADABLE = 1;

const FLAGS_AT = 18;
const FINGERPRINT_AT = 20;

export type Pointer = {
  readonly segment: SegmentId;
  readonly slot: number;
  readonly flags: number;
  /** 16 bytes. */
  readonly fingerprint: Uint8Array;
};

/** True when the pointer at `at` stands for zeros: a block of zeros, or a subtree of nothing but them. */
export function isZeroPointer(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0;
}

/** The pointer at `at`; null when it stands for zeros. `fingerprint` is a view. */
export function parsePointer(bytes: Uint8Array, at: number): Pointer | null {
  if (isZeroPointer(bytes, at)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, POINTER_BYTES);
  return {
    segment: segmentAt(bytes, at),
    slot: view.getUint16(16, true),
    flags: view.getUint16(FLAGS_AT, true),
    fingerprint: bytes.subarray(at + FINGERPRINT_AT, at + POINTER_BYTES),
  };
}

/** Writes a pointer at `at`. */
export function writePointer(bytes: Uint8Array, at: number, pointer: Pointer): void {
  writeSegmentPrefix(bytes, at, pointer.segment);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, POINTER_BYTES);
  view.setUint16(16, pointer.slot, true);
  view.setUint16(FLAGS_AT, pointer.flags, true);
  bytes.set(pointer.fingerprint, at + FINGERPRINT_AT);
}

/** Writes the 16 bytes that name a segment. */
export function writeSegmentPrefix(bytes: Uint8Array, at: number, segment: SegmentId): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 16);
  view.setUint32(0, Number.parseInt(segment.slice(0, 8), 16), true);
  const nonce = fromHex(segment.slice(9, 25));
  if (nonce !== null) bytes.set(nonce, at + 4);
  view.setUint32(12, Number.parseInt(segment.slice(26), 16), true);
}

/** The segment that the pointer at `at` names. */
export function segmentAt(bytes: Uint8Array, at: number): SegmentId {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 16);
  const nonce = hex(bytes.subarray(at + 4, at + 12));
  return `${hex32(view.getUint32(0, true))}-${nonce}-${hex32(view.getUint32(12, true))}` as SegmentId;
}

/** Slot of the pointer at `at`. */
export function slotAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 16] ?? 0) | ((bytes[at + 17] ?? 0) << 8);
}

/** Flags of the pointer at `at`. */
export function flagsAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + FLAGS_AT] ?? 0) | ((bytes[at + FLAGS_AT + 1] ?? 0) << 8);
}

/** Fingerprint of the pointer at `at`, 16 bytes, a view. */
export function fingerprintAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at + FINGERPRINT_AT, at + FINGERPRINT_AT + FINGERPRINT_BYTES);
}

/** True when the pointers at the two places name the same segment. */
export function sameSegment(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  for (let i = 0; i < 16; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** A tree's root as log entries carry it: base64 of the pointer, null for a disk of zeros. */
export function rootToText(root: Uint8Array | null): string | null {
  return root === null ? null : base64(root);
}

/** Inverse of `rootToText`. @throws {LockstepError} FIELD_CORRUPT */
export function rootFromText(text: string | null): Uint8Array | null {
  if (text === null) return null;
  const bytes = fromBase64(text);
  if (bytes?.length !== POINTER_BYTES || isZeroPointer(bytes, 0)) {
    throw new LockstepError("FIELD_CORRUPT", `root "${text}" is not a pointer of ${POINTER_BYTES} bytes`);
  }
  return bytes;
}
