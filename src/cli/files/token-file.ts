import { dirname } from "node:path";

import { createFile } from "#cli/files/durable-file.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import { refuseUnmakable } from "#cli/files/new-file.ts";
import type { Output } from "#cli/output/output.ts";
import { targetFailure } from "#disk/target-failure.ts";
import { LockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";

/**
 * Refuses to have a token made that could not be kept, since it is told once. Its folder is made where it is not there.
 *
 * @param path  null: show it
 * @throws {LockstepError} ARGUMENT_INVALID: nobody would see it; TARGET_EXISTS, TARGET_DENIED, …: as `refuseUnmakable`
 */
export async function refuseTokenFile(output: Output, path: string | null): Promise<void> {
  if (path === null) {
    if (output.isTerminal && !output.json) return;
    throw new LockstepError(
      "ARGUMENT_INVALID",
      "adding an identity: standard output is no terminal to show its token at",
      {
        hint: "Name a new file for it with --to.",
      },
    );
  }
  const folder = dirname(path);
  try {
    await makeFolder(folder);
  } catch (error) {
    if (isSystemError(error, "EEXIST")) {
      throw new LockstepError("TARGET_EXISTS", `adding an identity: ${folder} is no folder that ${path} could be in`, {
        cause: error,
      });
    }
    throw targetFailure(`adding an identity: making ${folder}`, error);
  }
  await refuseUnmakable("adding an identity", path);
}

/** Keeps a token, for this user alone. @throws {LockstepError} TARGET_UNWRITABLE: it is lost, and the identity of no use */
export async function writeTokenFile(path: string, token: string): Promise<void> {
  try {
    await createFile(path, `${token}\n`, 0o600);
  } catch (error) {
    throw new LockstepError("TARGET_UNWRITABLE", `writing the token ${path} failed: ${systemWords(error)}`, {
      hint: "The identity is there, and nobody has its token: revoke it, and add another one.",
      cause: error,
    });
  }
}
