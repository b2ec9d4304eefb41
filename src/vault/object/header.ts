import { concat } from "#bytes/arrays.ts";
import { Cursor } from "#bytes/cursor.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { hkdf } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import { idBytes } from "#vault/object/ids.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** Bytes of the header that every binary object starts with. */
export const HEADER_BYTES = 64;
/** The format version that this program writes, and the newest that it reads. */
const FORMAT_VERSION = 1;
/** Incompatible flag: the sealed payload is one zstd frame. */
export const FLAG_ZSTD = 1;

const MAGIC = utf8("LOCKSTEP");

/** What an object is: four ASCII characters in its header. */
export type ObjectKind = "entr" | "body" | "summ" | "rost" | "segd" | "segn";

/** The header of an object; readable without a key, authenticated as associated data of what is sealed. */
export type ObjectHeader = {
  readonly kind: ObjectKind;
  /** Features that a reader must know, or refuse the object. */
  readonly incompatible: number;
  /** Features that a reader may ignore. */
  readonly compatible: number;
  /** Data-key epoch. */
  readonly epoch: number;
  /** 16 bytes, fresh random for each sealing (for a segment's first generation, derived from its name). */
  readonly id: Uint8Array;
  /** Bytes of ciphertext after the header, without the tag; 0 in segments. */
  readonly payloadBytes: number;
};

/** The header's 64 bytes. docs/format/vault.md, "Object header". */
export function writeHeader(header: ObjectHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  bytes.set(utf8(header.kind), 8);
  view.setUint16(12, FORMAT_VERSION, true);
  view.setUint32(16, header.incompatible, true);
  view.setUint32(20, header.compatible, true);
  view.setUint32(24, header.epoch, true);
  bytes.set(header.id, 32);
  view.setBigUint64(48, BigInt(header.payloadBytes), true);
  return bytes;
}

/**
 * A header with the version and the incompatible flags that segments have in version 1. An object that opens under it was
 * sealed by this version, whatever its header seems to say.
 */
export function asKnownHeader(bytes: Uint8Array): Uint8Array {
  const known = bytes.slice();
  const view = new DataView(known.buffer);
  if (known.length < HEADER_BYTES) return known;
  view.setUint16(12, FORMAT_VERSION, true);
  view.setUint32(16, 0, true);
  return known;
}

/**
 * Parses an object's header. Verifies nothing: the sealed part does.
 *
 * @param bytes  the object's first 64 bytes or more
 * @param known  incompatible flags that the caller understands
 * @throws {LockstepError} OBJECT_CORRUPT: cut short, another kind, or no object of ours; VAULT_NEWER: written by a newer
 *   Lockstep
 */
export function parseHeader(key: ObjectKey, bytes: Uint8Array, kind: ObjectKind, known: number): ObjectHeader {
  const corrupt = (why: string): LockstepError => new LockstepError("OBJECT_CORRUPT", `${key}: ${why}`);
  if (bytes.length < HEADER_BYTES) throw corrupt(`cut short: ${bytes.length} bytes`);
  const at = new Cursor(bytes.subarray(0, HEADER_BYTES), key);
  if (hex(at.bytes(8, "magic")) !== hex(MAGIC)) throw corrupt("does not start as an object of a vault does");
  const found = hex(at.bytes(4, "kind"));
  const version = at.u16("version");
  at.skip(2, "reserved");
  const incompatible = at.u32("incompatible flags");
  const compatible = at.u32("compatible flags");
  const epoch = at.u32("epoch");
  at.skip(4, "reserved");
  const id = at.bytes(16, "id");
  const payloadBytes = at.size("payload bytes");
  if (version > FORMAT_VERSION || (incompatible & ~known) !== 0) {
    throw new LockstepError(
      "VAULT_NEWER",
      `${key} was written by a newer Lockstep (version ${version}, flags ${incompatible})`,
      {
        hint: "Update Lockstep on this host.",
      },
    );
  }
  if (version !== FORMAT_VERSION || found !== hex(utf8(kind))) throw corrupt(`is not of kind "${kind}", version 1`);
  return { kind, incompatible, compatible, epoch, id, payloadBytes };
}

/**
 * The key that one object, or one generation of a segment, is sealed with: 32 bytes, used for nothing else.
 *
 * @throws {LockstepError} OBJECT_CORRUPT: the keyring knows no such epoch
 */
export function objectCipherKey(
  keys: VaultKeys,
  key: ObjectKey,
  header: Pick<ObjectHeader, "kind" | "epoch" | "id">,
): Uint8Array {
  const epoch = keys.epochs.get(header.epoch);
  if (epoch === undefined) {
    throw new LockstepError(
      "OBJECT_CORRUPT",
      `${key}: sealed with data key ${header.epoch}, which the keyring does not have`,
    );
  }
  return hkdf(epoch.bytes, idBytes(keys.vaultId), concat(utf8(`lockstep v1 ${header.kind}`), header.id));
}
