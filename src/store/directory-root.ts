import { dirname, join, resolve } from "node:path";

import { throwIfCancelled } from "#errors/cancelled.ts";
import { LockstepError } from "#errors/errors.ts";
import { fileError } from "#store/file-error.ts";
import { orNull } from "#store/files.ts";
import type { Files } from "#store/files.ts";
import { makeIfAbsent } from "#store/folders.ts";
import { nodeFiles } from "#store/node-files.ts";
import { temporaryFolder } from "#store/temporaries.ts";

/**
 * Makes a folder that `openDirectoryStore` can open, and the folders above it where absent; it survives a power cut
 * once this resolves. A folder that is there is taken as it is, whatever it holds.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: something else has that name · STORE_DENIED · STORE_FULL · STORE_UNAVAILABLE
 */
export async function createDirectoryRoot(
  path: string,
  { files = nodeFiles }: { readonly files?: Files },
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  const root = resolve(path);
  try {
    await makeFolder(files, root);
    await makeIfAbsent(files, join(root, temporaryFolder));
  } catch (error) {
    throw fileError(error, `make directory ${path}`);
  }
}

async function makeFolder(files: Files, folder: string): Promise<void> {
  const above = dirname(folder);
  const stat = await orNull(files.stat(folder), "ENOENT");
  if (stat === null) {
    await makeFolder(files, above);
    await makeIfAbsent(files, folder);
  } else if (stat.kind !== "folder") {
    throw new LockstepError("ARGUMENT_INVALID", `Cannot make directory ${folder}: something else has that name.`);
  }
  // Also one that was there: whoever made it may not have synced its name. A parent that we may not read has been
  // there for longer than we have.
  if (above !== folder) await orNull(files.syncFolder(above), "EACCES");
}
