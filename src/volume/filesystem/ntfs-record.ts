import { Fields } from "#volume/filesystem/fields.ts";
import { readUpTo, type VolumeSource } from "#volume/source/source.ts";
import { visibleUtf16 } from "#volume/source/visible-text.ts";

/** Records are protected in pieces of this size, whatever the sector size. */
const PIECE_BYTES = 512;
const VOLUME_NAME = 0x60;
const END_OF_ATTRIBUTES = 0xffffffff;

/**
 * Reads a record of NTFS' file table and puts back the bytes that its update sequence replaced.
 *
 * @param recordBytes  256 to 64 KiB, a power of two
 * @returns            null when it is no record, or when a piece of it was not written with the others
 */
export async function readFileRecord(
  source: VolumeSource,
  offsetBytes: number,
  recordBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const record = await readUpTo(source, offsetBytes, recordBytes, signal);
  return record.length < recordBytes ? null : restoreRecord(record);
}

/** The record with its update sequence undone, in place; null when it does not fit. Exported for its test. */
export function restoreRecord(record: Uint8Array): Uint8Array | null {
  const at = new Fields(record);
  if (!at.is(0, "FILE")) return null;
  const [sequenceAt, count] = [at.u16(4), at.u16(6)];
  const pieces = Math.floor(record.length / PIECE_BYTES);
  if (count !== pieces + 1 || sequenceAt < 40 || sequenceAt + 2 * count > record.length) return null;
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const mark = at.u16(sequenceAt);
  for (let piece = 0; piece < pieces; piece++) {
    const endAt = (piece + 1) * PIECE_BYTES - 2;
    if (at.u16(endAt) !== mark) return null;
    view.setUint16(endAt, at.u16(sequenceAt + 2 + 2 * piece), true);
  }
  return record;
}

/** The name in the record of `$Volume`, made visible; null where there is none. */
export function volumeName(record: Uint8Array): string | null {
  const at = new Fields(record);
  let attributeAt = at.u16(20);
  // an attribute has at least 24 bytes, so this ends
  while (attributeAt >= 40 && attributeAt + 24 <= record.length) {
    const type = at.u32(attributeAt);
    const length = at.u32(attributeAt + 4);
    if (type === END_OF_ATTRIBUTES || length < 24 || attributeAt + length > record.length) return null;
    if (type === VOLUME_NAME && at.u8(attributeAt + 8) === 0) {
      const [valueBytes, valueAt] = [at.u32(attributeAt + 16), at.u16(attributeAt + 20)];
      if (valueAt + valueBytes > length) return null;
      return visibleUtf16(at.part(attributeAt + valueAt, valueBytes));
    }
    attributeAt += length;
  }
  return null;
}
