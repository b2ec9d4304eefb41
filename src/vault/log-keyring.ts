import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import type { KeyringRef } from "#vault/entry-fields.ts";
import { reopenKeyring } from "#vault/keyring-open.ts";
import { checkKeyringAgainst } from "#vault/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring.ts";
import type { VaultKeys } from "#vault/vault-keys.ts";

/** The keyring as a log needs it. */
export type LogKeyring = {
  readonly keys: VaultKeys;
  /** Why nothing may be written with these keys, given the newest generation that the log names; null when all is well. */
  readonly faultOf: (seen: KeyringRef) => string | null;
  /** The same, read from the store again. */
  readonly reopen: (signal: AbortSignal) => Promise<LogKeyring>;
};

/** An opened keyring for the logs of its vault. */
export function logKeyring(store: Store, opened: OpenedKeyring): LogKeyring {
  return {
    keys: opened.keys,
    faultOf: (seen) => opened.readOnlyReason ?? checkKeyringAgainst(seen, opened),
    reopen: async (signal) => logKeyring(store, await reopenKeyring(store, opened, signal)),
  };
}

/** The error for a keyring that is behind the log. */
export function keyringRolledBack(fault: string): LockstepError {
  return new LockstepError("KEYRING_ROLLED_BACK", `The vault may only be read: ${fault}`, {
    hint: "Put the missing objects of the keyring back from a copy of the store, and run `lockstep vault check`.",
  });
}
