import { constants } from "node:fs";
import { link, open, rename, rm, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file that is not there yet, whole or not at all; it survives a power cut once this resolves.
 *
 * @param mode  such as 0o600
 * @throws a system error: EEXIST when something has that name
 */
export async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = await writeTemporary(path, content, mode);
  try {
    await link(temporary, path);
  } finally {
    await unlink(temporary);
  }
  await syncFolder(dirname(path));
}

/** Writes a file in the place of one that may be there: readers see the old text or the new. @throws a system error */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await rename(await writeTemporary(path, text, mode), path);
  await syncFolder(dirname(path));
}

async function writeTemporary(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const temporary = `${path}.new-${process.pid}`;
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  try {
    await using file = await open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    await file.chmod(mode); // one that a crash left may have another
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return temporary;
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await folder.sync();
}
