import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import type { KeyringRef } from "#vault/entry/entry-fields.ts";
import { reopenKeyring } from "#vault/keyring/keyring-open.ts";
import { checkKeyringAgainst } from "#vault/keyring/keyring.ts";
import type { KeyringWitness, OpenedKeyring } from "#vault/keyring/keyring.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** The keyring as a log needs it. */
export type LogKeyring = {
  /** Of a keyring that was opened from a store, those of the newest generation that it was reopened to. */
  readonly keys: VaultKeys;
  /** Why nothing may be written with these keys, given the newest generation that the log names; null when all is well. */
  readonly faultOf: (seen: KeyringRef, witness?: KeyringWitness) => string | null;
  /** The same, read from the store again. */
  readonly reopen: (signal: AbortSignal) => Promise<LogKeyring>;
};

/**
 * An opened keyring for the logs of its vault.
 *
 * Its keys follow: once a log has opened the keyring again, because an entry names a newer one, whoever holds them reads
 * what newer data keys sealed, and seals with the newest. A backup or a check that began before would else take what was
 * sealed since for damage.
 */
export function logKeyring(store: Store, opened: OpenedKeyring): LogKeyring {
  return followed(store, opened, new FollowingKeys(opened.keys));
}

function followed(store: Store, opened: OpenedKeyring, keys: FollowingKeys): LogKeyring {
  return {
    keys,
    faultOf: (seen, witness) => opened.readOnlyReason ?? checkKeyringAgainst(seen, opened, witness),
    reopen: async (signal) => {
      const reopened = await reopenKeyring(store, opened, signal);
      keys.follow(reopened.keys);
      return followed(store, reopened, keys);
    },
  };
}

/** The keys of the newest generation that it was told of. */
class FollowingKeys implements VaultKeys {
  #newest: VaultKeys;

  constructor(keys: VaultKeys) {
    this.#newest = keys;
  }

  follow(keys: VaultKeys): void {
    if (keys.keyring.generation > this.#newest.keyring.generation) this.#newest = keys;
  }

  get vaultId(): VaultKeys["vaultId"] {
    return this.#newest.vaultId;
  }

  get root(): VaultKeys["root"] {
    return this.#newest.root;
  }

  get epochs(): VaultKeys["epochs"] {
    return this.#newest.epochs;
  }

  get currentEpoch(): number {
    return this.#newest.currentEpoch;
  }

  get keyring(): VaultKeys["keyring"] {
    return this.#newest.keyring;
  }
}

/** The error for a keyring that is behind the log. */
export function keyringRolledBack(fault: string): LockstepError {
  return new LockstepError("KEYRING_ROLLED_BACK", `The vault may only be read: ${fault}`, {
    hint: "Put the missing objects of the keyring back from a copy of the store, and run `lockstep vault check`.",
  });
}
