import { lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { createFile } from "#cli/files/durable-file.ts";
import type { Output } from "#cli/output/output.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";

/**
 * Refuses to have a token made that could not be kept, since it is told once.
 *
 * @param path  null: it is to be shown
 * @throws {LockstepError} ARGUMENT_INVALID: nobody would see it; TARGET_EXISTS
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
  if (!(await isThere(path))) return;
  throw new LockstepError("TARGET_EXISTS", `adding an identity: ${path} is there already`);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false; // or it cannot be written either, which writing it says
  }
}

/** Keeps a token, for this user alone. @throws {LockstepError} TARGET_UNWRITABLE: it is lost, and the identity of no use */
export async function writeTokenFile(path: string, token: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await createFile(path, `${token}\n`, 0o600);
  } catch (error) {
    throw new LockstepError("TARGET_UNWRITABLE", `writing the token ${path} failed: ${messageOf(error)}`, {
      hint: "The identity is there, and nobody has its token: revoke it, and add another one.",
      cause: error,
    });
  }
}
