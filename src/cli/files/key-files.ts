import { open } from "node:fs/promises";
import { dirname } from "node:path";

import type { Secret } from "#bytes/secret.ts";
import { createFile } from "#cli/files/durable-file.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import { readFailure } from "#cli/files/read-failure.ts";
import type { Warning } from "#cli/output/output.ts";
import { LockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";
import { KEY_FILE_LIMIT_BYTES, newFileKey, parseKeyFile, writeKeyFile } from "#vault/keyring/key-file.ts";

const othersMayRead = 0o044;

/**
 * Reads a key file.
 *
 * @param warn  told when others on this machine may read it
 * @returns     null when there is no such file
 * @throws {LockstepError} KEY_FILE_INVALID: it is no key file; FILE_DENIED; FILE_MISSING: what should be a folder on the way to it is none
 */
export async function readKeyFile(path: string, warn: (warning: Warning) => void): Promise<Secret | null> {
  const bytes = new Uint8Array(KEY_FILE_LIMIT_BYTES + 1);
  let length = 0;
  try {
    await using file = await open(path, "r");
    const { mode } = await file.stat();
    length = (await file.read(bytes, 0, bytes.length, 0)).bytesRead;
    if ((mode & othersMayRead) !== 0) {
      warn({
        code: "KEY_FILE_EXPOSED",
        message: `other users of this machine may read the key file ${path}`,
        hint: `Take the permission away: chmod 600 ${path}`,
      });
    }
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw readFailure(`reading the key file ${path}`, "KEY_FILE_INVALID", error);
  }
  return parseKeyFile(path, bytes.subarray(0, length));
}

/**
 * Makes a key file that only this user can read. The folder is made where it is not there, for this user alone.
 *
 * @param comment  says what the file opens
 * @throws {LockstepError} KEY_FILE_INVALID: it cannot be written, or something has that name
 */
export async function createKeyFile(path: string, key: Secret, comment: readonly string[]): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await createFile(path, writeKeyFile(key, comment), 0o600);
  } catch (error) {
    throw new LockstepError("KEY_FILE_INVALID", `writing the key file ${path} failed: ${systemWords(error)}`, {
      cause: error,
    });
  }
}

/** Reads a key file, or makes one where there is none. @throws {LockstepError} as `readKeyFile` and `createKeyFile` */
export async function readOrCreateKeyFile(
  path: string,
  random: (lengthBytes: number) => Uint8Array,
  warn: (warning: Warning) => void,
): Promise<{ readonly key: Secret; readonly made: boolean }> {
  const known = await readKeyFile(path, warn);
  if (known !== null) return { key: known, made: false };
  const key = newFileKey(random);
  await createKeyFile(path, key, ["A key file of Lockstep: who holds it opens the vaults that it was added to."]);
  return { key, made: true };
}

/** True for an error of the operating system with that code. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
