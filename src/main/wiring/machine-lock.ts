import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

import { LockstepError } from "#errors/errors.ts";
import { lockFile } from "#linux/libc.ts";

/**
 * Locks a machine for this process. The lock goes with the process, however that ends; the file stays, since one that is
 * removed could be locked by two.
 *
 * @param name  the machine's, for messages
 * @throws {LockstepError} MACHINE_BUSY: another process has it; the message names it. A system error: the file cannot be
 *   made
 */
export async function lockMachineFile(path: string, name: string): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (!lockFile(file.fd)) {
      const holder = (await file.readFile("utf8")).trim();
      const who = /^\d+$/.test(holder) ? `process ${holder}` : "another process";
      throw new LockstepError("MACHINE_BUSY", `working on machine ${name}: ${who} of this host is at work on it`, {
        hint: "Wait until it is done. If it hangs, end it: a backup goes on from its last checkpoint.",
      });
    }
    await file.truncate();
    await file.write(`${process.pid}\n`, 0);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}
