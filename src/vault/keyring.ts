import { equalBytes } from "#bytes/arrays.ts";
import type { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { equalSecret } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { followChain, openGeneration } from "#vault/keyring-chain.ts";
import type { GoodGeneration, KeyringChain } from "#vault/keyring-chain.ts";
import { fitOf, fitOfPair } from "#vault/keyring-fit.ts";
import type { Fit } from "#vault/keyring-fit.ts";
import { hasMacOf } from "#vault/keyring-format.ts";
import type { Keyring, KeyringContents } from "#vault/keyring-format.ts";
import { readGenerations } from "#vault/keyring-generations.ts";
import type { GenerationPlace } from "#vault/keyring-generations.ts";
import { objectKeys } from "#vault/object-keys.ts";
import type { PassphraseKdf } from "#vault/passphrase-kdf.ts";
import type { WayKeyPair } from "#vault/unlock-way-exchange.ts";
import { rootMac } from "#vault/unlock-way.ts";
import type { UnlockSecret, UnlockWay, WayInfo } from "#vault/unlock-way.ts";
import { readVaultFiles } from "#vault/vault-file.ts";
import type { VaultFile } from "#vault/vault-file.ts";
import { rootCommitment } from "#vault/vault-keys.ts";
import type { VaultKeys } from "#vault/vault-keys.ts";

/** A vault that a secret opened. */
export type OpenedKeyring = {
  readonly vault: VaultFile;
  readonly keys: VaultKeys;
  readonly keyring: Keyring;
  readonly contents: KeyringContents;
  /** The key pair that opened it; it opens later generations too, until its way is removed. */
  readonly pair: WayKeyPair;
  /** SHA-256 (hex) of each generation that is known, by its number. */
  readonly hashes: ReadonlyMap<number, string>;
  /** Damage that was got round, in words. */
  readonly warnings: readonly string[];
  /**
   * Why this is not the newest generation, in words, and nothing may be written to the vault then; null when it is.
   * Whether a log knows a newer one is for the caller to find out: see `checkKeyringAgainst`.
   */
  readonly readOnlyReason: string | null;
  /** Objects of the keyring that should be in the store and are not. See `healKeyring`. */
  readonly unstored: readonly UnstoredObject[];
};

export type UnstoredObject = { readonly key: ObjectKey; readonly bytes: Uint8Array };

/**
 * Opens a vault.
 *
 * The newest generation must be good: its MAC by the root key that `vault.json` commits to, and the chain before it. Where
 * it is damaged or forged, the newest good one is opened, for reading only. Where the secret does not open the newest good
 * one, it is refused, even if it opens an older one: its way was removed.
 *
 * Does not notice that the newest generations were deleted: see `checkKeyringAgainst`.
 *
 * @param secret  stays the caller's
 * @throws {LockstepError} VAULT_MISSING, VAULT_NEWER, VAULT_CORRUPT: as `readVaultFiles` and `readGenerations`;
 *   PASSPHRASE_REJECTED, KEY_FILE_REJECTED: it opens no way, or only one that was removed; UNLOCK_NONE: the vault has no
 *   way of that kind; UNLOCK_TOO_COSTLY: trying the passphrase would cost more than any honest vault asks for, and was not
 *   tried; KEYRING_FORGED: the secret fits, but no generation is of this vault's root key; ARGUMENT_INVALID: an empty
 *   passphrase
 */
export async function openKeyring(
  store: Store,
  secret: UnlockSecret,
  deps: { readonly kdf: PassphraseKdf },
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  return openWith(store, { kind: secret.kind, fitIn: (vault) => fitOf(secret, vault.id, deps.kdf) }, signal);
}

/** Opens the vault again, to see what changed since. @throws {LockstepError} what `openKeyring` throws */
export async function reopenKeyring(store: Store, opened: OpenedKeyring, signal: AbortSignal): Promise<OpenedKeyring> {
  const kind = wayOf(opened)?.kind ?? "keyfile";
  return openWith(store, { kind, fitIn: () => fitOfPair(opened.pair) }, signal);
}

/** The unlock ways of a vault, as people see them. */
export function listWays(opened: OpenedKeyring): readonly WayInfo[] {
  return opened.keyring.ways.map(({ id, kind, label, createdAt }) => ({ id, kind, label, createdAt }));
}

/** The way that opened the vault; null once it was removed. */
export function wayOf({ keyring, pair }: Pick<OpenedKeyring, "keyring" | "pair">): UnlockWay | null {
  return keyring.ways.find(({ publicKey }) => equalBytes(publicKey, pair.publicKey)) ?? null;
}

/**
 * Compares the keyring with what a log entry says of it, which is how a store that was rolled back is noticed.
 *
 * @param seen  what a log entry names; of an entry that was written after `opened` was read it proves nothing: open the
 *   keyring again first
 * @returns     what is wrong, in words; null when nothing is
 */
export function checkKeyringAgainst(seen: VaultKeys["keyring"], opened: OpenedKeyring): string | null {
  const newest = opened.keys.keyring.generation;
  if (seen.generation > newest) {
    return `the log names keyring generation ${seen.generation}, the newest in the store is ${newest}`;
  }
  const hash = opened.hashes.get(seen.generation);
  return hash === undefined || hash === seen.hash
    ? null
    : `keyring generation ${seen.generation} is another one than the log names`;
}

/** How a vault is to be opened. */
type Opening = { readonly kind: UnlockSecret["kind"]; readonly fitIn: (vault: VaultFile) => Fit };

async function openWith(store: Store, opening: Opening, signal: AbortSignal): Promise<OpenedKeyring> {
  const found = await readVaultFiles(store, signal);
  const places = await readGenerations(store, signal);
  let firstError: unknown;
  for (const vault of found.files) {
    try {
      const opened = await openOne(store, vault, places, opening, signal);
      return {
        ...opened,
        warnings: [...found.warnings, ...opened.warnings],
        unstored: [...opened.unstored, ...(found.files.length === 1 ? found.unstored : [])],
      };
    } catch (error) {
      if (!isLockstepError(error) || (error.kind !== "denied" && error.kind !== "corrupt")) throw error;
      firstError ??= error;
    }
  }
  throw firstError;
}

async function openOne(
  store: Store,
  vault: VaultFile,
  places: readonly GenerationPlace[],
  opening: Opening,
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  const fit = opening.fitIn(vault);
  const anchor = await findAnchor(vault, places, fit, signal);
  if (anchor === null || "forged" in anchor) throw unopenedError(store, vault, places, opening, fit, anchor?.forged);
  const chain = followChain(places, vault, anchor.root, anchor.pair);
  const newest = chain.good.at(-1);
  if (newest === undefined) throw forgedError(store, chain.refused ?? "no generation is good");
  const { stored, keyring, contents } = newest;
  if (contents === null) throw notOpenedError(store, chain, newest, anchor.pair, opening);
  const epochs = new Map(contents.epochs.map((epoch, at) => [at + 1, epoch]));
  return {
    vault,
    keys: {
      vaultId: vault.id,
      root: contents.root,
      epochs,
      currentEpoch: contents.epochs.length,
      keyring: { generation: keyring.generation, hash: stored.hash },
    },
    keyring,
    contents,
    pair: anchor.pair,
    hashes: hashesOf(chain.good),
    warnings: chain.warnings,
    readOnlyReason:
      chain.refused === null ? null : `${chain.refused}; keyring generation ${keyring.generation} was opened instead`,
    unstored: unstoredOf(store, places, chain.good),
  };
}
