import type { OpenVault } from "#cli/app/app.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * Refuses to change a vault that may only be read.
 *
 * @param doing  such as `adding an unlock way`
 * @throws {LockstepError} KEYRING_ROLLED_BACK
 */
export function refuseReadOnly({ readOnlyReason }: OpenVault, doing: string): void {
  if (readOnlyReason === null) return;
  throw new LockstepError("KEYRING_ROLLED_BACK", `${doing}: the vault may only be read: ${readOnlyReason}`, {
    hint: "Put the missing objects of the keyring back from a copy of the store, and run `lockstep vault check`.",
  });
}
