import { equalBytes } from "#bytes/arrays.ts";
import type { Secret } from "#bytes/secret.ts";
import { equalSecret } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { followChain, openGeneration } from "#vault/keyring/keyring-chain.ts";
import type { GoodGeneration, KeyringChain } from "#vault/keyring/keyring-chain.ts";
import { fitOf, fitOfPair } from "#vault/keyring/keyring-fit.ts";
import type { Fit } from "#vault/keyring/keyring-fit.ts";
import { hasMacOf } from "#vault/keyring/keyring-format.ts";
import type { Keyring } from "#vault/keyring/keyring-format.ts";
import { readGenerations } from "#vault/keyring/keyring-generations.ts";
import type { GenerationPlace, StoredGeneration } from "#vault/keyring/keyring-generations.ts";
import { vaultKeysOf, wayInfoOf } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring, UnstoredObject } from "#vault/keyring/keyring.ts";
import type { PassphraseKdf } from "#vault/keyring/passphrase-kdf.ts";
import type { WayKeyPair } from "#vault/keyring/unlock-way-exchange.ts";
import { rootMac } from "#vault/keyring/unlock-way.ts";
import type { UnlockSecret, UnlockWay, WayInfo, WayKind } from "#vault/keyring/unlock-way.ts";
import { readVaultFiles } from "#vault/keyring/vault-file.ts";
import type { VaultFile } from "#vault/keyring/vault-file.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { rootCommitment } from "#vault/object/vault-keys.ts";

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
 *   way of that kind; UNLOCK_TOO_COSTLY: a passphrase would have to be tried at a cost that no honest vault asks for, and
 *   was not; KEYRING_FORGED: the secret fits, but no generation is of this vault's root key; ARGUMENT_INVALID: a passphrase
 *   that is empty or not UTF-8
 */
export async function openKeyring(
  store: Store,
  secret: UnlockSecret,
  deps: { readonly kdf: PassphraseKdf },
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  return openWith(store, { kind: secret.kind, fitIn: ({ id }) => fitOf(secret, id, deps.kdf) }, signal);
}

/** Opens the vault again, to see what changed. Costs no derivation. @throws {LockstepError} what `openKeyring` throws */
export async function reopenKeyring(store: Store, opened: OpenedKeyring, signal: AbortSignal): Promise<OpenedKeyring> {
  const { kind, pair } = opened.opener;
  return openWith(store, { kind, fitIn: () => fitOfPair(pair) }, signal);
}

/** What a vault says of itself to anyone. */
export type KeyringPeek = {
  readonly vault: VaultFile;
  readonly generation: number;
  readonly ways: readonly WayInfo[];
};

/**
 * Reads the newest generation's unlock ways without a secret. Verifies nothing: all of it may be forged.
 *
 * @throws {LockstepError} VAULT_MISSING, VAULT_NEWER, VAULT_CORRUPT: as `openKeyring`
 */
export async function peekKeyring(store: Store, signal: AbortSignal): Promise<KeyringPeek> {
  const { files } = await readVaultFiles(store, signal);
  const [vault] = files;
  const places = await readGenerations(store, signal);
  const { keyring, newest } = newestReadable(vault, places);
  if (keyring === null) throw isLockstepError(newest, "VAULT_NEWER") ? newest : noKeyringError(store, newest);
  return { vault, generation: keyring.generation, ways: keyring.ways.map(wayInfoOf) };
}

/** What to open a vault with. */
type Attempt = { readonly kind: WayKind; readonly fitIn: (vault: VaultFile) => Fit };

/** What is in the store, and what opens it: for the errors' words too. */
type Opening = {
  readonly store: Store;
  readonly vault: VaultFile;
  readonly places: readonly GenerationPlace[];
  readonly kind: WayKind;
};

async function openWith(store: Store, { kind, fitIn }: Attempt, signal: AbortSignal): Promise<OpenedKeyring> {
  const found = await readVaultFiles(store, signal);
  const places = await readGenerations(store, signal);
  let firstError: unknown;
  for (const vault of found.files) {
    try {
      const opened = await openOne({ store, vault, places, kind }, fitIn(vault), signal);
      return {
        ...opened,
        warnings: [...found.warnings, ...opened.warnings],
        unstored: [...found.unstored, ...opened.unstored],
        damagedCopies: [...found.damagedCopies, ...opened.damagedCopies],
      };
    } catch (error) {
      if (!isLockstepError(error) || (error.kind !== "denied" && error.kind !== "corrupt")) throw error;
      firstError ??= error;
    }
  }
  throw firstError;
}

async function openOne(opening: Opening, fit: Fit, signal: AbortSignal): Promise<OpenedKeyring> {
  const { store, vault, places, kind } = opening;
  const { anchor, misfit } = await findAnchor(opening, fit, signal);
  if (anchor === null) throw misfit === null ? unfitError(opening, fit) : forgedError(opening, misfit);
  const { root, pair } = anchor;
  const chain = followChain(places, vault, root, pair);
  const newest = chain.good.at(-1);
  if (newest === undefined) throw forgedError(opening, chain.refused ?? "no generation is good");
  const { stored, keyring, contents } = newest;
  if (contents === null) throw unopenedError(opening, chain, newest, pair);
  const instead = `keyring generation ${keyring.generation} was opened, for reading only`;
  return {
    vault,
    keys: vaultKeysOf(keyring, contents, stored.hash),
    keyring,
    contents,
    opener: { kind, pair },
    hashes: new Map(chain.good.map((good) => [good.keyring.generation, good.stored.hash])),
    warnings: chain.warnings,
    readOnlyReason: chain.refused === null ? null : `${chain.refused}; ${instead}`,
    unstored: unstoredOf(store, places, chain.good),
    damagedCopies: damagedCopiesOf(places, chain.good, (bytes) => hasMacOf(vault.id, root, bytes)),
  };
}

/** A generation that the secret opens and that is of this vault: it gives the root key, which then judges all others. */
type Anchor = { readonly root: Secret; readonly pair: WayKeyPair };

/** The newest anchor; `misfit` says of a generation that the secret fits why it is none. */
async function findAnchor(
  { vault, places }: Opening,
  fit: Fit,
  signal: AbortSignal,
): Promise<{ readonly anchor: Anchor | null; readonly misfit: string | null }> {
  let misfit: string | null = null;
  for (const { key, bytes, content } of places.toReversed().flatMap(({ found }) => found)) {
    if (content instanceof LockstepError || content.vaultId !== vault.id) continue;
    for (const way of content.ways) {
      const pair = await fit.pairOf(way, signal);
      if (pair === null) continue;
      const root = rootOf(vault, content, way, pair, bytes);
      if (root !== null) return { anchor: { root, pair }, misfit: null };
      misfit ??= `${key} was damaged, or written by someone who does not have the vault's root key`;
    }
  }
  return { anchor: null, misfit };
}

function rootOf(
  vault: VaultFile,
  keyring: Keyring,
  way: UnlockWay,
  pair: WayKeyPair,
  bytes: Uint8Array,
): Secret | null {
  if (!equalSecret(rootMac(vault, pair), way.rootMac)) return null;
  const root = openGeneration(keyring, pair)?.root;
  if (root === undefined || !equalSecret(rootCommitment(vault.id, root), vault.rootCommitment)) return null;
  return hasMacOf(vault.id, root, bytes) ? root : null;
}

function unstoredOf(
  store: Store,
  places: readonly GenerationPlace[],
  good: readonly GoodGeneration[],
): UnstoredObject[] {
  const bytesOf = new Map(good.map(({ stored }) => [stored.number, stored.bytes]));
  return places.flatMap(({ number, key, hasPrimary, hasCopy }) => {
    const bytes = bytesOf.get(number);
    if (bytes === undefined) return [];
    if (!hasPrimary) return [{ key, bytes }];
    return hasCopy || !store.traits.singleDisk ? [] : [{ key: objectKeys.copy(key), bytes }];
  });
}

/** Second copies that are no generation of this vault, or not the one of their number, while the primary is. */
function damagedCopiesOf(
  places: readonly GenerationPlace[],
  good: readonly GoodGeneration[],
  isGenuine: (bytes: Uint8Array) => boolean,
): UnstoredObject[] {
  return places.flatMap(({ key, found }) => {
    const right = good.find(({ stored }) => stored.key === key)?.stored;
    if (right === undefined) return [];
    const isDamaged = ({ bytes, content }: StoredGeneration): boolean =>
      !isLockstepError(content, "STORE_UNAVAILABLE") &&
      (!isGenuine(bytes) || isLockstepError(content, "OBJECT_CORRUPT"));
    const copies = found.filter((stored) => stored !== right && isDamaged(stored));
    return copies.map((copy) => ({ key: copy.key, bytes: right.bytes }));
  });
}

const REPLICA_HINT =
  "Put the object back from a replica of the vault; where you have none, find out who could write to the store.";

function forgedError({ store }: Opening, why: string): LockstepError {
  return new LockstepError("KEYRING_FORGED", `Opening the vault in ${store.name}: ${why}.`, { hint: REPLICA_HINT });
}

function rejectedError({ store, kind }: Opening, why: string, hint: string): LockstepError {
  const code = kind === "passphrase" ? "PASSPHRASE_REJECTED" : "KEY_FILE_REJECTED";
  return new LockstepError(code, `Opening the vault in ${store.name}: the ${nounOf(kind)} ${why}.`, { hint });
}

/** The secret opens no generation at all. */
function unfitError(opening: Opening, fit: Fit): LockstepError {
  const { store, vault, places, kind } = opening;
  const { keyring, newest } = newestReadable(vault, places);
  if (isLockstepError(newest, "VAULT_NEWER")) return newest;
  if (keyring === null) return noKeyringError(store, newest);
  if (fit.refused !== null) {
    return new LockstepError("UNLOCK_TOO_COSTLY", `Opening the vault in ${store.name}: ${fit.refused}.`, {
      hint: "Lockstep never asks for so much, so the keyring may be forged. Use a key file, or a replica of the vault.",
    });
  }
  if (!keyring.ways.some((way) => way.kind === kind)) {
    const others = keyring.ways.map((way) => JSON.stringify(way.label)).join(", ");
    return new LockstepError("UNLOCK_NONE", `Opening the vault in ${store.name}: no ${nounOf(kind)} opens it.`, {
      hint: `Use one of its unlock ways: ${others}.`,
    });
  }
  const unreadable = newest instanceof LockstepError ? "; a newer one cannot be read" : "";
  return rejectedError(
    opening,
    `does not open generation ${keyring.generation} of its keyring${unreadable}`,
    kind === "passphrase"
      ? "Type it again, or use another unlock way."
      : "Use the key file that was made for this vault.",
  );
}

/** The newest generation, readable or not, and the newest of this vault that can be read. */
function newestReadable(
  vault: VaultFile,
  places: readonly GenerationPlace[],
): { readonly newest: Keyring | LockstepError | null; readonly keyring: Keyring | null } {
  const contents = places.toReversed().flatMap(({ found }) => found.map(({ content }) => content));
  const keyrings = contents.filter((content): content is Keyring => !(content instanceof LockstepError));
  return {
    newest: contents[0] ?? null,
    keyring: keyrings.find(({ vaultId }) => vaultId === vault.id) ?? null,
  };
}

function noKeyringError(store: Store, newest: Keyring | LockstepError | null): LockstepError {
  const why = newest === null ? "its keyring is missing" : "no generation of its keyring can be read";
  return new LockstepError("VAULT_CORRUPT", `Opening the vault in ${store.name}: ${why}.`, { hint: REPLICA_HINT });
}

/** The secret opens some generation, but not the newest good one. */
function unopenedError(opening: Opening, chain: KeyringChain, newest: GoodGeneration, pair: WayKeyPair): LockstepError {
  const { generation, ways } = newest.keyring;
  if (ways.some(({ publicKey }) => equalBytes(publicKey, pair.publicKey))) {
    return forgedError(opening, `what keyring generation ${generation} holds for this unlock way does not open`);
  }
  const last = chain.good.findLastIndex(({ contents }) => contents !== null);
  if (last < 0) return forgedError(opening, chain.refused ?? `keyring generation ${generation} does not open`);
  const removedIn = chain.good[last + 1]?.keyring.generation ?? generation;
  return rejectedError(
    opening,
    `opened it once, but was removed in generation ${removedIn} of its keyring`,
    "Use an unlock way that is still in the vault.",
  );
}

function nounOf(kind: WayKind): string {
  return kind === "passphrase" ? "passphrase" : "key file";
}
