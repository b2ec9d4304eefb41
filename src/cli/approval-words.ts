import type { App } from "#cli/app.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * Who has to agree before a person can have a key, in words; null where the key side cannot be asked. A restore itself needs nobody:
 * it gives back ciphertext.
 *
 * @throws {LockstepError} CANCELLED
 */
export async function approvalWords({ keySide, signal }: App): Promise<string | null> {
  try {
    const { custodians } = await (await keySide("backup")).call("store.show", {}, signal);
    return custodians > 1
      ? "no approval is needed to restore; one custodian asks for the key, and another one must approve: `lockstep key reveal`"
      : "no approval is needed, neither to restore nor for a custodian to have the key: `lockstep key reveal`";
  } catch (error) {
    if (signal.aborted || !(error instanceof LockstepError)) throw error;
    return null;
  }
}
