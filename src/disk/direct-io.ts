import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

import { alignedBuffer } from "#bytes/arrays.ts";
import { readAt } from "#disk/positioned-io.ts";
import { systemErrorName } from "#disk/system-error.ts";

/**
 * Opens a file that is open already once more, past the page cache (O_DIRECT).
 *
 * @param access  O_RDONLY or O_RDWR
 * @returns       null where the file system cannot; some say so only when they are asked to read
 */
export async function openDirect(file: FileHandle, access: number): Promise<FileHandle | null> {
  let direct: FileHandle;
  try {
    direct = await open(`/proc/self/fd/${file.fd}`, access | constants.O_DIRECT);
  } catch {
    return null; // buffered I/O does all that this one does, and says why where it cannot either
  }
  try {
    await readAt(direct, 0, alignedBuffer(4096));
  } catch (error) {
    if (systemErrorName(error) === "EINVAL") {
      await direct.close();
      return null;
    }
  }
  return direct;
}
