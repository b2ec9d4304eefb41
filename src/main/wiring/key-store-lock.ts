import { LockstepError } from "#errors/errors.ts";
import type { KeyPaths } from "#main/wiring/key-paths.ts";
import { lockedFile } from "#main/wiring/lock-file.ts";

/**
 * Takes a key store for this process, until it is disposed of or the process ends. Of several that ask at once, exactly one gets it,
 * which the database's own lock does not promise.
 *
 * @throws {LockstepError} KEY_STORE_BUSY: another process has it
 */
export function lockKeyStore({ lock, folder }: Pick<KeyPaths, "lock" | "folder">): Promise<AsyncDisposable> {
  return lockedFile(
    lock,
    (holder) =>
      new LockstepError("KEY_STORE_BUSY", `opening the key store ${folder}: ${holder} has it`, {
        hint: "One process serves a key store: `lockstep keystore show` asks it.",
      }),
  );
}
