import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { concat } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { NONCE_BYTES, TAG_BYTES, openGcm, sealGcm } from "#crypto/aead.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";
import { FLAG_ZSTD, HEADER_BYTES, objectCipherKey, parseHeader, writeHeader } from "#vault/object/header.ts";
import type { ObjectKind } from "#vault/object/header.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** The longest small object that is read, as stored and as decompressed. */
export const SEALED_LIMIT_BYTES = 256 * 1024 * 1024;

const COMPRESS_FROM_BYTES = 1024;
const nonce = new Uint8Array(NONCE_BYTES); // each object has a key of its own, so one nonce is enough

/**
 * Seals a small object (a log entry, a point's body, a summary). Each call seals under a fresh random id, and so under a
 * fresh key: sealing the same bytes twice gives two different objects.
 *
 * @param key    where it will lie; bound to it, so that an object moved elsewhere is refused
 * @param plain  any bytes; compressed when that pays
 * @returns      the whole object
 */
export function sealObject(
  keys: VaultKeys,
  kind: ObjectKind,
  key: ObjectKey,
  plain: Uint8Array,
  random: Random,
): Uint8Array {
  const packed =
    plain.length >= COMPRESS_FROM_BYTES
      ? zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })
      : plain;
  const useZstd = packed.length < plain.length;
  const payload = useZstd ? packed : plain;
  const header = {
    kind,
    incompatible: useZstd ? FLAG_ZSTD : 0,
    compatible: 0,
    epoch: keys.currentEpoch,
    id: random(16),
    payloadBytes: payload.length,
  };
  const bytes = writeHeader(header);
  return concat(bytes, sealGcm(objectCipherKey(keys, key, header), nonce, payload, concat(bytes, utf8(key))));
}

/**
 * Opens what `sealObject` made.
 *
 * @param bytes  the whole object
 * @returns      the plaintext, a copy
 * @throws {LockstepError} OBJECT_CORRUPT: not what was sealed for this place; VAULT_NEWER: a newer Lockstep wrote it
 */
export function openObject(keys: VaultKeys, kind: ObjectKind, key: ObjectKey, bytes: Uint8Array): Uint8Array {
  const header = parseHeader(key, bytes, kind, FLAG_ZSTD);
  if (bytes.length !== HEADER_BYTES + header.payloadBytes + TAG_BYTES) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: ${bytes.length} bytes long, its header says otherwise`);
  }
  const associated = concat(bytes.subarray(0, HEADER_BYTES), utf8(key));
  const payload = openGcm(objectCipherKey(keys, key, header), nonce, bytes.subarray(HEADER_BYTES), associated);
  if (payload === null) throw new LockstepError("OBJECT_CORRUPT", `${key}: its bytes are not what was written`);
  if ((header.incompatible & FLAG_ZSTD) === 0) return payload;
  try {
    return zstdDecompressSync(payload, { maxOutputLength: SEALED_LIMIT_BYTES });
  } catch (cause) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: its compressed payload is broken`, { cause });
  }
}
