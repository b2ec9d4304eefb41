import { isZero } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";

/** One entry of BitLocker's metadata or of a startup key's file. */
export type Entry = {
  /** What it is for; 0 for a property of the entry that it lies in. */
  readonly type: number;
  /** How its data is laid out. */
  readonly value: number;
  readonly version: number;
  /** What follows its head of eight bytes; a view. */
  readonly data: Uint8Array;
  /** All of it; a view. */
  readonly bytes: Uint8Array;
  /** Where it lies, for messages. */
  readonly where: string;
};

/** What an entry is for. */
export const entryType = {
  property: 0x0,
  vmk: 0x2,
  fvek: 0x3,
  /** What a TPM is to find unchanged at the start of the machine. */
  validation: 0x4,
  startupKey: 0x6,
  description: 0x7,
  /** Seals the keys of volumes that open with this one. */
  autoUnlock: 0xb,
  volumeHeader: 0xf,
};

/** How an entry's data is laid out. @see libbde, "BDE format"; dissect.fve c_bde.py; cryptsetup lib/bitlk/bitlk.h */
export const valueType = {
  erased: 0x0,
  key: 0x1,
  text: 0x2,
  stretchKey: 0x3,
  useKey: 0x4,
  sealed: 0x5,
  tpmKey: 0x6,
  validation: 0x7,
  vmk: 0x8,
  externalKey: 0x9,
  publicKeySealed: 0xc,
  exportedKey: 0xd,
  publicKeyInfo: 0xe,
  place: 0xf,
  hashedKey: 0x12,
  times: 0x15,
  guid: 0x17,
  /** Whose account the protector was saved in, as far as it may be shown. */
  hint: 0x18,
};

/** A key, sealed with AES-256-CCM. */
export type Sealed = { readonly nonce: Uint8Array; readonly tag: Uint8Array; readonly ciphertext: Uint8Array };

const HEAD_BYTES = 8;

/**
 * Parses a list of entries, which ends with its bytes or with an entry of size 0. Does not look into any of them.
 *
 * @param bytes  all of the list; entries are views of it
 * @throws {LockstepError} FIELD_CORRUPT: an entry is shorter than its head or longer than what is left
 * @see libbde, "BDE format", section "FVE metadata entry"
 */
export function parseEntries(bytes: Uint8Array, what: string): readonly Entry[] {
  const entries: Entry[] = [];
  const at = new Cursor(bytes, what);
  while (at.left > 0) {
    if (at.left < HEAD_BYTES && isZero(bytes.subarray(at.offset))) break;
    const start = at.offset;
    const name = `entry ${entries.length + 1}`;
    const sizeBytes = at.u16(`${name}: size`);
    if (sizeBytes === 0) break;
    if (sizeBytes < HEAD_BYTES) throw at.corrupt(`${name}: size`, `${sizeBytes} is less than its own head`);
    const type = at.u16(`${name}: type`);
    const value = at.u16(`${name}: value type`);
    const version = at.u16(`${name}: version`);
    const data = at.bytes(sizeBytes - HEAD_BYTES, `${name}: data`);
    entries.push({
      type,
      value,
      version,
      data,
      bytes: bytes.subarray(start, start + sizeBytes),
      where: `${what}: ${name} at byte ${start}`,
    });
  }
  return entries;
}

/** The sealed key of an entry of that value type; views. @throws {LockstepError} FIELD_CORRUPT: it is too short */
export function sealedOf(entry: Entry): Sealed {
  const at = new Cursor(entry.data, entry.where);
  const nonce = at.bytes(12, "nonce");
  const tag = at.bytes(16, "tag");
  return { nonce, tag, ciphertext: at.bytes(at.left, "sealed key") };
}

/** The key of an entry of that value type, a view, behind its method. @throws {LockstepError} FIELD_CORRUPT: it is too short */
export function keyOf(entry: Entry): { readonly method: number; readonly key: Uint8Array } {
  const at = new Cursor(entry.data, entry.where);
  const method = at.u16("method");
  at.skip(2, "method, upper half");
  return { method, key: at.bytes(at.left, "key") };
}
