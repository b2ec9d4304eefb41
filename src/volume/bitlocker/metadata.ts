import { Cursor } from "#bytes/cursor.ts";
import { LockstepError } from "#errors/errors.ts";
import { entryType, parseEntries, sealedOf, valueType } from "#volume/bitlocker/entries.ts";
import type { Entry, Sealed } from "#volume/bitlocker/entries.ts";
import { guidText } from "#volume/source/guid-text.ts";

/** The fixed part of a copy of BitLocker's metadata. Offsets and sizes are not checked against the volume. */
export type MetadataHead = {
  /** 1 for Windows Vista, 2 since Windows 7. */
  readonly version: 1 | 2;
  /** Of all that the checksum covers. */
  readonly blockBytes: number;
  readonly state: number;
  /** What the state is to become. */
  readonly nextState: number;
  /** How far from its start the volume is encrypted; 0 in version 1. */
  readonly encryptedBytes: bigint;
  /** How much behind that is being converted at the moment; 0 in version 1. */
  readonly convertingBytes: number;
  /** How many boot sectors were moved; 0 in version 1. */
  readonly movedSectors: number;
  /** Where the three copies begin. */
  readonly copyOffsets: readonly bigint[];
  /** Version 2: where the moved boot sectors are, in bytes; version 1: the cluster of NTFS's MFT mirror. */
  readonly lastField: bigint;
  /** The volume's GUID. */
  readonly guid: string;
  /** Grows with each change of the metadata. */
  readonly nextNonce: number;
  /** All 32 bits; the lower 16 are the cipher. */
  readonly method: number;
  /** Of the entries. */
  readonly entriesBytes: number;
};

/** A copy of the metadata: its head and the entries that mean something here. */
export type Metadata = {
  readonly head: MetadataHead;
  /** The protectors' entries, in order. */
  readonly vmks: readonly Entry[];
  readonly fvek: Sealed | null;
  /** As written: UTF-16LE. */
  readonly description: Uint8Array | null;
  readonly movedBoot: MovedBoot | null;
  /** Entries of other kinds, in words. */
  readonly ignored: readonly string[];
};

/** Where the boot sectors were moved to. */
export type MovedBoot = {
  readonly offsetBytes: bigint;
  readonly lengthBytes: bigint;
  /** It has the part that Windows 8 added. */
  readonly isExtended: boolean;
};

/** What follows a copy: its checksum, and its hash sealed with the volume's master key. */
export type Validation = { readonly version: number; readonly crc32: number; readonly hash: Sealed | null };

const DATASET_HEAD_BYTES = 48;
/** Of an area that a copy lies in, since Windows 7; nothing beyond is read. */
export const AREA_BYTES = 64 * 1024;
/** Bytes that `parseMetadataHead` wants. */
export const HEAD_BYTES = 64 + DATASET_HEAD_BYTES;
/** Bytes behind a copy that `parseValidation` wants: its head, and an entry that seals a hash of 32 bytes. */
export const VALIDATION_BYTES = 8 + 80;

const SIGNATURE = "-FVE-FS-";

/**
 * Parses the fixed part of a copy. Verifies neither its checksum nor that it lies where it says.
 *
 * @param bytes  from the copy's start, at least 112
 * @param what   for messages: `BitLocker metadata copy 2 at byte 46256128`
 * @throws {LockstepError} FIELD_CORRUPT, HEADER_CORRUPT: no metadata, or sizes that are impossible · VOLUME_UNSUPPORTED: a
 *   newer version
 * @see libbde, "BDE format", section "FVE metadata block"
 */
export function parseMetadataHead(bytes: Uint8Array, what: string): MetadataHead {
  const at = new Cursor(bytes, what);
  if (!hasSignature(at.bytes(8, "signature"))) throw corrupt(what, `it does not begin with ${SIGNATURE}`);
  const size = at.u16("size");
  const version = at.u16("version");
  if (version !== 1 && version !== 2) throw unsupported(what, `its version is ${version}, known are 1 and 2`);
  const blockBytes = version === 1 ? size : size * 16;
  if (blockBytes < HEAD_BYTES || blockBytes > AREA_BYTES - VALIDATION_BYTES) {
    throw corrupt(what, `its size at byte 8: ${blockBytes} bytes are not allowed`);
  }
  const state = at.u16("state");
  const nextState = at.u16("next state");
  const encryptedBytes = at.u64("encrypted bytes");
  const convertingBytes = at.u32("bytes being converted");
  const movedSectors = at.u32("moved boot sectors");
  const copyOffsets = [1, 2, 3].map((copy) => at.u64(`offset of copy ${copy}`));
  const lastField = at.u64("offset of the moved boot sectors");

  const datasetBytes = at.u32("dataset: size");
  const datasetVersion = at.u32("dataset: version");
  const datasetHeadBytes = at.u32("dataset: size of its head");
  if (datasetVersion !== 1) throw unsupported(what, `its dataset's version is ${datasetVersion}, known is 1`);
  if (datasetHeadBytes !== DATASET_HEAD_BYTES) {
    throw corrupt(what, `its dataset's head at byte 72: ${datasetHeadBytes} bytes are not allowed`);
  }
  if (datasetBytes < datasetHeadBytes || datasetBytes > blockBytes - 64) {
    throw corrupt(what, `its dataset at byte 64: ${datasetBytes} bytes do not fit into ${blockBytes - 64}`);
  }
  at.skip(4, "dataset: size, again");
  const guid = guidText(at.bytes(16, "dataset: volume GUID"));
  return {
    version,
    blockBytes,
    state,
    nextState,
    encryptedBytes: version === 1 ? 0n : encryptedBytes,
    convertingBytes: version === 1 ? 0 : convertingBytes,
    movedSectors: version === 1 ? 0 : movedSectors,
    copyOffsets,
    lastField,
    guid,
    nextNonce: at.u32("dataset: next nonce"),
    method: at.u32("dataset: method"),
    entriesBytes: datasetBytes - datasetHeadBytes,
  };
}

/**
 * Parses a whole copy. Does not look into the protectors, and does not verify the checksum.
 *
 * @param block  `head.blockBytes` bytes; what is returned are views of it
 * @throws {LockstepError} FIELD_CORRUPT: an entry does not fit
 */
export function parseMetadata(head: MetadataHead, block: Uint8Array, what: string): Metadata {
  const entries = parseEntries(block.subarray(HEAD_BYTES, HEAD_BYTES + head.entriesBytes), what);
  const vmks: Entry[] = [];
  const ignored: string[] = [];
  let fvek: Sealed | null = null;
  let description: Uint8Array | null = null;
  let movedBoot: MovedBoot | null = null;
  for (const entry of entries) {
    const { type, value } = entry;
    // The first of a kind counts.
    if (type === entryType.vmk && value === valueType.vmk) vmks.push(entry);
    else if (type === entryType.fvek && value === valueType.sealed && fvek === null) fvek = sealedOf(entry);
    else if (type === entryType.description && value === valueType.text && description === null)
      description = entry.data;
    else if (type === entryType.volumeHeader && value === valueType.place && movedBoot === null) {
      movedBoot = parseMovedBoot(entry);
    } else if (!isOfNoUse(entry)) ignored.push(describeEntry(entry));
  }
  return { head, vmks, fvek, description, movedBoot, ignored };
}

/** Known, and nothing that reading takes: what Windows keeps on the volumes that it starts from. */
function isOfNoUse({ type, value }: Entry): boolean {
  if (type === entryType.validation) return value === valueType.validation;
  return type === entryType.autoUnlock && value === valueType.sealed;
}

/** An entry that is not read, for a warning. */
export function describeEntry({ type, value, bytes, where }: Entry): string {
  return `${where}: an entry of type 0x${type.toString(16)} and value type 0x${value.toString(16)}, ${bytes.length} bytes, is not known here`;
}

/**
 * Parses what follows a copy.
 *
 * @param bytes  `VALIDATION_BYTES`, or fewer where the volume ends
 * @returns      `hash` is null where there is none in a known form
 * @throws {LockstepError} FIELD_CORRUPT, HEADER_CORRUPT: too short for a checksum · VOLUME_UNSUPPORTED: a newer version
 * @see dislocker include/dislocker/metadata/metadata.priv.h, bitlocker_validations_t; cryptsetup lib/bitlk/bitlk.c
 */
export function parseValidation(bytes: Uint8Array, what: string): Validation {
  const at = new Cursor(bytes, `${what}: validation`);
  const sizeBytes = at.u16("size");
  const version = at.u16("version");
  const crc32 = at.u32("checksum");
  if (sizeBytes < 8) throw corrupt(what, `its validation: ${sizeBytes} bytes are too few`);
  if (version > 2) throw unsupported(what, `its validation's version is ${version}, known are 1 and 2`);
  return { version, crc32, hash: parseHash(bytes.subarray(8, Math.min(sizeBytes, VALIDATION_BYTES)), what) };
}

function parseHash(bytes: Uint8Array, what: string): Sealed | null {
  try {
    const [entry] = parseEntries(bytes, `${what}: validation`);
    return entry?.type === entryType.property && entry.value === valueType.sealed ? sealedOf(entry) : null;
  } catch (error) {
    if (error instanceof LockstepError) return null;
    throw error;
  }
}

/** @see dislocker include/dislocker/metadata/datums.h, datum_virtualization_t */
function parseMovedBoot({ data, where }: Entry): MovedBoot {
  const at = new Cursor(data, where);
  const offsetBytes = at.u64("offset of the moved boot sectors");
  const lengthBytes = at.u64("size of the moved boot sectors");
  return { offsetBytes, lengthBytes, isExtended: at.left > 0 };
}

function hasSignature(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes) === SIGNATURE;
}

function corrupt(what: string, found: string): LockstepError {
  return new LockstepError("HEADER_CORRUPT", `${what}: ${found}`);
}

function unsupported(what: string, found: string): LockstepError {
  return new LockstepError("VOLUME_UNSUPPORTED", `${what}: ${found}`);
}
