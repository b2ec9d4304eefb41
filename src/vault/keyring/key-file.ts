import { equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { fromHex, fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";

/** The longest key file that is read. */
export const KEY_FILE_LIMIT_BYTES = 16 * 1024;
/** Bytes of the key in a key file. */
const FILE_KEY_BYTES = 32;

const PREFIX = "LOCKSTEP-KEY-1-";
const CHECK_BYTES = 4;

/** A new random key for a key file. */
export function newFileKey(random: Random): Secret {
  return new Secret(random(FILE_KEY_BYTES));
}

/**
 * The text of a key file. Who holds it opens the vault: the caller keeps it from others (mode 0600).
 *
 * @param comment  lines that say what the file is for, without "#"
 */
export function writeKeyFile(key: Secret, comment: readonly string[]): string {
  const lines = comment.flatMap((text) => text.split(/\r?\n/)).map((line) => `# ${line}`);
  return [...lines, `${PREFIX}${hex(key.bytes)}-${hex(checkOf(key.bytes))}`, ""].join("\n");
}

/**
 * Parses a key file: one line with a key, and any number of empty lines and of comments that start with "#". Upper and
 * lower case are the same. Does not verify that the key opens anything.
 *
 * @param path   as the user named it, for messages; the key itself is in none
 * @param bytes  the whole file
 * @throws {LockstepError} KEY_FILE_INVALID: no key in it or several, of another version, cut, or mistyped
 * @see docs/format/keyring.md, "Key file"
 */
export function parseKeyFile(path: string, bytes: Uint8Array): Secret {
  const invalid = (why: string, hint: string): LockstepError =>
    new LockstepError("KEY_FILE_INVALID", `Reading the key file ${path}: ${why}.`, { hint });
  const other = "Name the file that `lockstep init` or `lockstep vault unlock add` wrote.";
  if (bytes.length > KEY_FILE_LIMIT_BYTES) throw invalid(`${bytes.length} bytes are too many for a key file`, other);
  let text: string;
  try {
    text = fromUtf8(bytes);
  } catch {
    throw invalid("it is not text", other);
  }
  const lines = text
    .split("\n")
    .map((line) => line.trim().toUpperCase())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [line, second] = lines;
  if (line === undefined) throw invalid("there is no key in it", other);
  if (second !== undefined) throw invalid("there is more than one line that is no comment", other);
  if (!line.startsWith(PREFIX)) {
    const version = /^LOCKSTEP-KEY-(\d{1,9})-/.exec(line)?.[1];
    if (version === undefined) throw invalid(`its key does not start with ${PREFIX}`, other);
    throw invalid(`it holds a key of version ${version}`, "Update Lockstep on this host.");
  }
  const again = "Copy the file anew from where it was kept.";
  const parts = /^([0-9A-F]{64})-([0-9A-F]{8})$/.exec(line.slice(PREFIX.length));
  const key = fromHex(parts?.[1] ?? "");
  const check = fromHex(parts?.[2] ?? "");
  if (parts === null || key === null || check === null) {
    throw invalid("its key is cut short, too long, or has characters that are no hex digits", again);
  }
  if (!equalBytes(check, checkOf(key)))
    throw invalid("its key has a wrong character: the check part does not fit", again);
  return new Secret(key);
}

function checkOf(key: Uint8Array): Uint8Array {
  return sha256(utf8("lockstep v1 key file check"), key).subarray(0, CHECK_BYTES);
}
