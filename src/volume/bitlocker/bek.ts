import { Cursor } from "#bytes/cursor.ts";
import { Secret } from "#bytes/secret.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { keyOf, parseEntries, valueType } from "#volume/bitlocker/entries.ts";
import { guidText } from "#volume/source/guid-text.ts";

/** A startup key, from a .BEK file. */
export type StartupKey = {
  /** GUID of the protector that it is for. */
  readonly protector: string;
  /** 32 bytes, a copy. */
  readonly key: Secret;
};

const HEAD_BYTES = 48;
const KEY_BYTES = 32;

/**
 * Parses the file of a startup key: those of Windows Vista to 10, and of Windows 11, which has more entries. Does not verify
 * that it fits a volume.
 *
 * @param file  all bytes of it
 * @throws {LockstepError} SECRET_INVALID: it is no such file, and where
 * @see libbde, "BDE format", section "BitLocker External Key (BEK) file"
 */
export function parseStartupKey(file: Secret): StartupKey {
  try {
    return parse(file.bytes);
  } catch (error) {
    if (!isLockstepError(error, "FIELD_CORRUPT")) throw error;
    // Without a cause: nothing of the file but sizes may go further.
    throw invalid(messageOf(error).replace("startup key: ", ""));
  }
}

function parse(bytes: Uint8Array): StartupKey {
  const at = new Cursor(bytes, "startup key");
  const sizeBytes = at.u32("size");
  const version = at.u32("version");
  const headBytes = at.u32("size of its head");
  if (version !== 1) throw invalid(`its version is ${version}, known is 1`);
  if (headBytes !== HEAD_BYTES || sizeBytes < headBytes) throw invalid(`a head of ${headBytes} bytes is not allowed`);
  if (sizeBytes > bytes.length) throw invalid(`it has ${bytes.length} bytes of ${sizeBytes}`);
  at.skip(4, "size, again");
  const named = guidText(at.bytes(16, "GUID"));
  at.skip(HEAD_BYTES - at.offset, "next nonce, method and time");
  for (const entry of parseEntries(bytes.subarray(HEAD_BYTES, sizeBytes), "startup key")) {
    if (entry.value !== valueType.externalKey) continue;
    const inside = new Cursor(entry.data, entry.where);
    const protector = guidText(inside.bytes(16, "GUID"));
    inside.skip(8, "time");
    if (protector !== named) throw invalid("its head and its key have different GUIDs");
    const properties = parseEntries(inside.bytes(inside.left, "properties"), entry.where);
    const property = properties.find(({ value }) => value === valueType.key);
    if (property === undefined) break;
    const { key } = keyOf(property);
    if (key.length !== KEY_BYTES) throw invalid(`its key has ${key.length} bytes instead of ${KEY_BYTES}`);
    return { protector, key: new Secret(Uint8Array.from(key)) };
  }
  throw invalid("there is no key in it");
}

function invalid(found: string): LockstepError {
  return new LockstepError("SECRET_INVALID", `BitLocker startup key: ${found}`, {
    hint: "It is a file with the ending .BEK.",
  });
}
