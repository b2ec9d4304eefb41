import { concat } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { fromHex, hex, utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, TAG_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import { sha256 } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import { HEADER_BYTES, objectCipherKey, parseHeader, writeHeader } from "#vault/object/header.ts";
import type { ObjectHeader } from "#vault/object/header.ts";
import { firstGeneration } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, MachineId, SegmentId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/*
 * A generation of a segment, as an object. docs/format/vault.md, "Segments".
 *
 *   page      4096 bytes: the object header, then zeros
 *   slots     ciphertexts, one after the other, without padding; slot n is sealed with nonce n
 *   table     sealed with nonce 2^32-1: per slot u32 stored bytes, u32 plain bytes, 16 bytes tag; then a 16-byte tag
 *   footer    u32 slot count, u32 bytes of the sealed table, 8 ASCII characters "LKSTPEND"
 *
 * A slot of 0 plain bytes was left out of this generation. One with fewer stored than plain bytes is a zstd frame.
 */

/** Bytes before the first slot. */
export const PAGE_BYTES = 4096;
/** Bytes of the footer. */
export const FOOTER_BYTES = 16;
/** Bytes of one slot's row in the table. */
export const ROW_BYTES = 24;
/** The most slots that a segment may have: a pointer's slot is a u16. */
export const MAX_SLOTS = 65_536;
/** The longest object that is accepted as a segment. */
export const MAX_SEGMENT_BYTES = 80 * 1024 * 1024;

const END = utf8("LKSTPEND");
const TABLE_NONCE = slotNonce(0xffff_ffff);

/** Names one generation of one segment. */
export type SegmentName = {
  readonly machine: MachineId;
  readonly disk: DiskId;
  readonly kind: SegmentKind;
  readonly segment: SegmentId;
  readonly generation: GenerationId;
};

/** What seals and opens the slots of one generation. Plain data: it can be posted to a worker thread. */
export type SegmentCipher = {
  readonly key: ObjectKey;
  /** 64 bytes. */
  readonly header: Uint8Array;
  /** 32 bytes. */
  readonly cipherKey: Uint8Array;
  /** Header and object key: bound to every slot. */
  readonly associated: Uint8Array;
};

/** Where a slot lies in its object. */
export type SlotRow = {
  readonly offsetBytes: number;
  readonly storedBytes: number;
  readonly plainBytes: number;
  /** 16 bytes. */
  readonly tag: Uint8Array;
};

/** The opened table of a generation. Kept packed: a reader of an aged disk has hundreds of them at hand. */
export class SegmentTable {
  readonly cipher: SegmentCipher;
  readonly slotCount: number;
  /** Bytes that this takes in memory, roughly. */
  readonly weightBytes: number;
  readonly #table: Uint8Array;
  readonly #offsets: Uint32Array;

  /** @param table  the rows' bytes, opened; kept as a view */
  constructor(cipher: SegmentCipher, table: Uint8Array) {
    this.cipher = cipher;
    this.slotCount = table.length / ROW_BYTES;
    this.weightBytes = table.length + 4 * this.slotCount + 1024;
    this.#table = table;
    this.#offsets = new Uint32Array(this.slotCount);
    let offsetBytes = PAGE_BYTES;
    for (let slot = 0; slot < this.slotCount; slot++) {
      this.#offsets[slot] = offsetBytes;
      offsetBytes += this.#u32(slot * ROW_BYTES);
    }
    this.endBytes = offsetBytes;
  }

  /** Where the last slot ends in the object. */
  readonly endBytes: number;

  /** A slot's row; undefined when the table has no such slot. */
  row(slot: number): SlotRow | undefined {
    const offsetBytes = this.#offsets[slot];
    if (offsetBytes === undefined) return undefined;
    const at = slot * ROW_BYTES;
    return {
      offsetBytes,
      storedBytes: this.#u32(at),
      plainBytes: this.#u32(at + 4),
      tag: this.#table.subarray(at + 8, at + ROW_BYTES),
    };
  }

  /** All rows, by slot. */
  *rows(): Generator<SlotRow> {
    for (let slot = 0; slot < this.slotCount; slot++) {
      const row = this.row(slot);
      if (row !== undefined) yield row;
    }
  }

  #u32(at: number): number {
    const bytes = this.#table;
    return (
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>>
      0
    );
  }
}

export function keyOfSegment(name: SegmentName): ObjectKey {
  return objectKeys.segment(name.machine, name.disk, name.kind, name.segment, name.generation);
}

/** The 16 bytes in a generation's header: from its name, or for the first one derived from the object's key. */
function generationBytes(name: SegmentName): Uint8Array {
  if (name.generation === firstGeneration) {
    return sha256(utf8("lockstep v1 first generation"), utf8(keyOfSegment(name))).subarray(0, 16);
  }
  return fromHex(name.generation.slice(-32)) ?? new Uint8Array(16);
}

const headerKind = { data: "segd", nodes: "segn" } as const satisfies Record<SegmentKind, ObjectHeader["kind"]>;

/** The cipher for a generation that is about to be written, with the vault's current data key. */
export function newSegmentCipher(keys: VaultKeys, name: SegmentName): SegmentCipher {
  const header = {
    kind: headerKind[name.kind],
    incompatible: 0,
    compatible: 0,
    epoch: keys.currentEpoch,
    id: generationBytes(name),
    payloadBytes: 0,
  };
  return cipherOf(keys, name, writeHeader(header), header);
}

/**
 * The cipher for a generation that is read.
 *
 * @param page  the object's first 64 bytes or more
 * @throws {LockstepError} OBJECT_CORRUPT, VAULT_NEWER
 */
export function readSegmentCipher(keys: VaultKeys, name: SegmentName, page: Uint8Array): SegmentCipher {
  const key = keyOfSegment(name);
  const header = parseHeader(key, page, headerKind[name.kind], 0);
  if (hex(header.id) !== hex(generationBytes(name))) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: its header names another generation`);
  }
  return cipherOf(keys, name, page.slice(0, HEADER_BYTES), header);
}

function cipherOf(
  keys: VaultKeys,
  name: SegmentName,
  bytes: Uint8Array,
  header: Pick<ObjectHeader, "kind" | "epoch" | "id">,
): SegmentCipher {
  const key = keyOfSegment(name);
  const associated = concat(bytes, utf8(key));
  return { key, header: bytes, cipherKey: objectCipherKey(keys, key, header), associated };
}

/** The nonce of a slot: its number, little-endian, then zeros. */
export function slotNonce(slot: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce[0] = slot;
  nonce[1] = slot >>> 8;
  nonce[2] = slot >>> 16;
  nonce[3] = slot >>> 24;
  return nonce;
}

/** The sealed table and the footer that end an object. */
export function writeTail(cipher: SegmentCipher, rows: readonly SlotRow[]): Uint8Array {
  const table = new Uint8Array(rows.length * ROW_BYTES);
  const view = new DataView(table.buffer);
  for (const [index, row] of rows.entries()) {
    view.setUint32(index * ROW_BYTES, row.storedBytes, true);
    view.setUint32(index * ROW_BYTES + 4, row.plainBytes, true);
    table.set(row.tag, index * ROW_BYTES + 8);
  }
  const sealed = sealGcm(cipher.cipherKey, TABLE_NONCE, table, cipher.associated);
  const footer = new Uint8Array(FOOTER_BYTES);
  const footerView = new DataView(footer.buffer);
  footerView.setUint32(0, rows.length, true);
  footerView.setUint32(4, sealed.length, true);
  footer.set(END, 8);
  return concat(sealed, footer);
}

/**
 * Bytes at the object's end that hold table and footer.
 *
 * @param footer  the object's last 16 bytes
 * @throws {LockstepError} OBJECT_CORRUPT
 */
export function tailBytes(key: ObjectKey, footer: Uint8Array): number {
  const at = new Cursor(footer, `${key}, footer`);
  const slots = at.u32("slot count");
  const sealed = at.u32("table bytes");
  const fits = slots <= MAX_SLOTS && sealed === slots * ROW_BYTES + TAG_BYTES;
  if (!fits || hex(at.bytes(8, "end mark")) !== hex(END)) {
    throw new LockstepError(
      "OBJECT_CORRUPT",
      `${key}: does not end as a segment does; it was cut short or overwritten`,
    );
  }
  return sealed + FOOTER_BYTES;
}

/**
 * Opens the table of a generation.
 *
 * @param tail         the object's last bytes, as many as `tailBytes` says
 * @param objectBytes  length of the whole object
 * @throws {LockstepError} OBJECT_CORRUPT
 */
export function openTable(cipher: SegmentCipher, tail: Uint8Array, objectBytes: number): SegmentTable {
  const sealed = tail.subarray(0, tail.length - FOOTER_BYTES);
  const table = openGcm(cipher.cipherKey, TABLE_NONCE, sealed, cipher.associated);
  if (table === null)
    throw new LockstepError("OBJECT_CORRUPT", `${cipher.key}: the bytes of its table are not what was written`);
  const opened = new SegmentTable(cipher, table);
  const wholeBytes = opened.endBytes + tail.length;
  if (wholeBytes !== objectBytes) {
    throw new LockstepError("OBJECT_CORRUPT", `${cipher.key}: ${objectBytes} bytes long, its table says ${wholeBytes}`);
  }
  return opened;
}
