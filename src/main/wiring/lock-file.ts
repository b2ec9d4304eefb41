import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";

import { makeFolder } from "#cli/files/make-folder.ts";
import type { LockstepError } from "#errors/errors.ts";
import { lockFile } from "#linux/libc.ts";

/**
 * Locks a file for this process, and writes the process' number into it. The lock goes with the process, however that ends; the file
 * stays, since one that is removed could be locked by two.
 *
 * @param busy  what to throw when another process has it; gets who that is, in words
 * @throws what `busy` gives. A system error: the file cannot be made
 */
export async function lockedFile(path: string, busy: (holder: string) => LockstepError): Promise<AsyncDisposable> {
  await makeFolder(dirname(path));
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (!lockFile(file.fd)) {
      const holder = (await file.readFile("utf8")).trim();
      throw busy(/^\d+$/.test(holder) ? `process ${holder}` : "another process");
    }
    await file.truncate();
    await file.write(`${process.pid}\n`, 0);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}
