import { equalBytes } from "#bytes/arrays.ts";
import type { ObjectKey } from "#store/contract.ts";
import type { Keyring, KeyringContents } from "#vault/keyring/keyring-format.ts";
import type { WayKeyPair } from "#vault/keyring/unlock-way-exchange.ts";
import type { UnlockWay, WayInfo, WayKind } from "#vault/keyring/unlock-way.ts";
import type { VaultFile } from "#vault/keyring/vault-file.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** A vault that a secret opened. */
export type OpenedKeyring = {
  readonly vault: VaultFile;
  readonly keys: VaultKeys;
  readonly keyring: Keyring;
  readonly contents: KeyringContents;
  readonly opener: Opener;
  /** SHA-256 (hex) of each good generation, by its number. */
  readonly hashes: ReadonlyMap<number, string>;
  /** Damage that was got round, in words. */
  readonly warnings: readonly string[];
  /**
   * Why an older generation than the newest was opened, in words: nothing may be written to the vault then. Null when it
   * is the newest in the store; whether a log knows a newer one, `checkKeyringAgainst` says.
   */
  readonly readOnlyReason: string | null;
  /** Objects of the keyring that should be in the store and are not: see `healKeyring`. */
  readonly unstored: readonly UnstoredObject[];
  /** Second copies that are in the store and damaged, with what they should be. */
  readonly damagedCopies: readonly UnstoredObject[];
};

/** What opened a vault: the key pair of an unlock way. It opens later generations too, until its way is removed. */
export type Opener = { readonly kind: WayKind; readonly pair: WayKeyPair };

export type UnstoredObject = { readonly key: ObjectKey; readonly bytes: Uint8Array };

/** The unlock ways of a vault, as people see them. */
export function listWays({ keyring }: OpenedKeyring): readonly WayInfo[] {
  return keyring.ways.map(wayInfoOf);
}

export function wayInfoOf({ id, kind, label, createdAt }: UnlockWay): WayInfo {
  return { id, kind, label, createdAt };
}

/** The way that opened the vault; null once it was removed. */
export function wayInUse(opened: OpenedKeyring): WayInfo | null {
  const way = opened.keyring.ways.find(({ publicKey }) => equalBytes(publicKey, opened.opener.pair.publicKey));
  return way === undefined ? null : wayInfoOf(way);
}

/** What reads and writes the vault with the keys of one generation. @param hash SHA-256 of its bytes, hex */
export function vaultKeysOf(keyring: Keyring, contents: KeyringContents, hash: string): VaultKeys {
  return {
    vaultId: keyring.vaultId,
    root: contents.root,
    epochs: new Map(contents.epochs.map((epoch, at) => [at + 1, epoch])),
    currentEpoch: contents.epochs.length,
    keyring: { generation: keyring.generation, hash },
  };
}

/** Who knows of a generation of the keyring, with its verb. */
export type KeyringWitness = "the log names" | "this host has seen";

/**
 * Compares the keyring with what a log entry says of it, which is how a keyring that was rolled back is noticed.
 *
 * @param seen  what an entry names; of an entry that was written after `opened` was read it proves nothing: open the
 *   keyring again first
 * @returns     what is wrong, in words, the subject of KEYRING_ROLLED_BACK; null when nothing is
 */
export function checkKeyringAgainst(
  seen: VaultKeys["keyring"],
  opened: OpenedKeyring,
  witness: KeyringWitness = "the log names",
): string | null {
  const newest = opened.keyring.generation;
  if (seen.generation > newest) {
    return `${witness} keyring generation ${seen.generation}, the newest good one in the store is ${newest}`;
  }
  const hash = opened.hashes.get(seen.generation);
  return hash === undefined || hash === seen.hash
    ? null
    : `keyring generation ${seen.generation} in the store is another one than ${witness}`;
}
