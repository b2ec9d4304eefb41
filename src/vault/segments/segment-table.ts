import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { HEADER_BYTES, asKnownHeader } from "#vault/object/header.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import {
  FOOTER_BYTES,
  keyOfSegment,
  openTable,
  PAGE_BYTES,
  readSegmentCipher,
  tailBytes,
} from "#vault/segments/segment.ts";
import type { SegmentName, SegmentTable } from "#vault/segments/segment.ts";

const GUESS_BYTES = 16 * 1024;

/**
 * Reads and opens the table of one generation: its first 64 and its last bytes, not its slots.
 *
 * @throws {LockstepError} OBJECT_MISSING, OBJECT_CORRUPT, VAULT_NEWER
 */
export async function readTable(
  store: Store,
  keys: VaultKeys,
  name: SegmentName,
  signal: AbortSignal,
): Promise<SegmentTable> {
  try {
    return await readTableWith(store, keys, name, (header) => header, signal);
  } catch (error) {
    if (!isLockstepError(error, "VAULT_NEWER")) throw error;
    try {
      await readTableWith(store, keys, name, asKnownHeader, signal);
    } catch (failure) {
      throw isLockstepError(failure, "STORE_UNAVAILABLE", "CANCELLED") ? failure : error;
    }
    throw headerDamaged(name);
  }
}

async function readTableWith(
  store: Store,
  keys: VaultKeys,
  name: SegmentName,
  header: (bytes: Uint8Array) => Uint8Array,
  signal: AbortSignal,
): Promise<SegmentTable> {
  const key = keyOfSegment(name);
  const sizeBytes = (await store.stat(key, signal))?.sizeBytes;
  if (sizeBytes === undefined) throw new LockstepError("OBJECT_MISSING", `${key} is missing from ${store.name}`);
  if (sizeBytes < PAGE_BYTES + FOOTER_BYTES) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: cut short: ${sizeBytes} bytes`);
  }

  const range = async (offsetBytes: number, lengthBytes: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(lengthBytes);
    const got = await store.read(key, offsetBytes, bytes, signal);
    if (got !== lengthBytes) throw new LockstepError("OBJECT_MISSING", `${key} went away while it was read`);
    return bytes;
  };
  const cipher = readSegmentCipher(keys, name, header(await range(0, HEADER_BYTES)));
  const guess = Math.min(GUESS_BYTES, sizeBytes - PAGE_BYTES);
  const end = await range(sizeBytes - guess, guess);
  const wanted = tailBytes(key, end.subarray(guess - FOOTER_BYTES));
  if (wanted > sizeBytes - PAGE_BYTES) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: ${sizeBytes} bytes are too few for its table`);
  }
  const tail = wanted <= guess ? end.subarray(guess - wanted) : await range(sizeBytes - wanted, wanted);
  return openTable(cipher, tail, sizeBytes);
}

/**
 * Opens the table of a generation that is in memory as a whole.
 *
 * @throws {LockstepError} OBJECT_CORRUPT, VAULT_NEWER
 */
export function parseTable(keys: VaultKeys, name: SegmentName, bytes: Uint8Array): SegmentTable {
  try {
    return parseTableWith(keys, name, bytes, (header) => header);
  } catch (error) {
    if (!isLockstepError(error, "VAULT_NEWER")) throw error;
    try {
      parseTableWith(keys, name, bytes, asKnownHeader);
    } catch {
      throw error;
    }
    throw headerDamaged(name);
  }
}

function parseTableWith(
  keys: VaultKeys,
  name: SegmentName,
  bytes: Uint8Array,
  header: (bytes: Uint8Array) => Uint8Array,
): SegmentTable {
  const key = keyOfSegment(name);
  if (bytes.length < PAGE_BYTES + FOOTER_BYTES) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: cut short: ${bytes.length} bytes`);
  }
  const cipher = readSegmentCipher(keys, name, header(bytes.subarray(0, HEADER_BYTES)));
  const wanted = tailBytes(key, bytes.subarray(bytes.length - FOOTER_BYTES));
  if (wanted > bytes.length - PAGE_BYTES) {
    throw new LockstepError("OBJECT_CORRUPT", `${key}: ${bytes.length} bytes are too few for its table`);
  }
  return openTable(cipher, bytes.subarray(bytes.length - wanted), bytes.length);
}

/**
 * The error for a header that seems to be of a newer Lockstep, and under which the table does not open: it does under the
 * header as this Lockstep writes it, so that is what was sealed, and the object's header was damaged since.
 */
function headerDamaged(name: SegmentName): LockstepError {
  return new LockstepError("OBJECT_CORRUPT", `${keyOfSegment(name)}: its header is not what was written`);
}
