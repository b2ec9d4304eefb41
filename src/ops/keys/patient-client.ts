import type { KeyClient } from "#client/key-client.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { formatDuration } from "#policy/duration.ts";

/**
 * Asks the key side, and waits only so long for each answer: one that hangs must hold up no backup.
 *
 * `call` throws KEY_SIDE_UNREACHABLE when there was no answer in time; it may have done what it was asked all the same.
 */
export function patientClient(client: KeyClient, patienceMs: number): KeyClient {
  return {
    async call(name, input, signal) {
      const late = AbortSignal.timeout(patienceMs);
      try {
        return await client.call(name, input, AbortSignal.any([signal, late]));
      } catch (error) {
        if (signal.aborted || !late.aborted || !isLockstepError(error, "CANCELLED")) throw error;
        const waited = formatDuration(patienceMs);
        throw new LockstepError("KEY_SIDE_UNREACHABLE", `asking the key side for ${name}: no answer in ${waited}`, {
          hint: "`lockstep keystore show` says whether it answers at all; its log may say why it does not.",
          cause: error,
        });
      }
    },
  };
}
