import { LockstepError } from "#errors/errors.ts";
import { lockedFile } from "#main/wiring/lock-file.ts";

/**
 * Locks a machine for this process.
 *
 * @param name  the machine's, for messages
 * @throws {LockstepError} MACHINE_BUSY: another process has it; the message names it. A system error: the file cannot be
 *   made
 */
export function lockMachineFile(path: string, name: string): Promise<AsyncDisposable> {
  return lockedFile(
    path,
    (holder) =>
      new LockstepError("MACHINE_BUSY", `working on machine ${name}: ${holder} of this host is at work on it`, {
        hint: "Wait until it is done. If it hangs, end it: a backup goes on from its last checkpoint.",
      }),
  );
}
