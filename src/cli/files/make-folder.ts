import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { systemErrorName } from "#disk/system-error.ts";

/**
 * Makes a folder, for this user alone unless told otherwise, and those above it that are not there. Node's own way asks again without
 * end where the folder above is there and takes none, as in `/proc`: this gives up.
 *
 * @throws a system error
 */
export async function makeFolder(path: string, mode = 0o700): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    if (systemErrorName(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path), mode);
    await makeOne(path, mode);
  }
}

/** Makes a folder where it is not there yet. */
async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (systemErrorName(error) !== "EEXIST" || !(await stat(path)).isDirectory()) throw error;
  }
}
