import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { HostRole } from "#cli/app/app.ts";
import { createFile } from "#cli/files/durable-file.ts";
import { isSystemError } from "#cli/files/key-files.ts";
import { makeFolder } from "#cli/files/make-folder.ts";
import { LockstepError } from "#errors/errors.ts";
import { systemWords } from "#errors/system-words.ts";

export function tokenPath(stateFolder: string, role: HostRole): string {
  return join(stateFolder, "identities", `${role}.token`);
}

/** This host's token of a role; null where it has none. @throws {LockstepError} IDENTITY_REJECTED: it cannot be read, or is none */
export async function readToken(stateFolder: string, role: HostRole): Promise<string | null> {
  const path = tokenPath(stateFolder, role);
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw new LockstepError("IDENTITY_REJECTED", `reading this host's token ${path} failed: ${systemWords(error)}`, {
      hint: "The token is for the user whose file it is.",
      cause: error,
    });
  }
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new LockstepError("IDENTITY_REJECTED", `reading this host's token ${path}: it holds none`, {
    hint: "A custodian adds an identity with a new one: `lockstep identity add`.",
  });
}

/** Keeps a token of this host, for this user alone. @throws a system error: EEXIST when there is one */
export async function createToken(path: string, token: string): Promise<void> {
  await makeFolder(dirname(path));
  await createFile(path, `${token}\n`, 0o600);
}
