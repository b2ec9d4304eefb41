import { equalBytes } from "#bytes/arrays.ts";
import type { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { equalSecret } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { hasMacOf, openContents } from "#vault/keyring/keyring-format.ts";
import type { Keyring, KeyringContents } from "#vault/keyring/keyring-format.ts";
import type { GenerationPlace, StoredGeneration } from "#vault/keyring/keyring-generations.ts";
import { unwrapFromWay } from "#vault/keyring/unlock-way-exchange.ts";
import type { WayKeyPair } from "#vault/keyring/unlock-way-exchange.ts";
import type { VaultFile } from "#vault/keyring/vault-file.ts";
import { rootCommitment } from "#vault/object/vault-keys.ts";

/** A generation that the vault's root key vouches for and that follows the good ones below it. */
export type GoodGeneration = {
  readonly stored: StoredGeneration;
  readonly keyring: Keyring;
  /** Null when the key pair in hand does not open this one: its way was added later, or removed. */
  readonly contents: KeyringContents | null;
};

/** What the root key shows of a keyring. */
export type KeyringChain = {
  /** In order of their numbers. */
  readonly good: readonly GoodGeneration[];
  /** What is wrong with the first generation above the last good one, in words; null when the newest is good. */
  readonly refused: string | null;
  /** Damage below the newest good generation, which hides nothing: a generation says all that those before it said. */
  readonly warnings: readonly string[];
};

/** Opens a generation's contents. Verifies neither MAC nor root key; null when the pair opens it not. */
export function openGeneration(keyring: Keyring, pair: WayKeyPair): KeyringContents | null {
  const way = keyring.ways.find(({ publicKey }) => equalBytes(publicKey, pair.publicKey));
  if (way === undefined) return null;
  const { vaultId, generation } = keyring;
  using key = unwrapFromWay({ vaultId, generation, wayId: way.id }, pair, way);
  return key === null ? null : openContents(keyring, key);
}

/**
 * Follows the generations from the first to the newest good one.
 *
 * A generation is good when its MAC is the root key's, it names the hash of the one before where that is there, and its
 * data keys start with those of every good one below that the pair opens. The last stops a holder of the root key whose
 * way was removed: he can make a MAC, but does not know the data keys that came after him. Nothing above a generation
 * that fails is good. One that is missing or damaged is passed over.
 *
 * @param root  the root key, which the caller found to be the one that `vault` commits to
 * @throws {LockstepError} VAULT_NEWER: a genuine generation is of a newer format
 */
export function followChain(
  places: readonly GenerationPlace[],
  vault: VaultFile,
  root: Secret,
  pair: WayKeyPair,
): KeyringChain {
  const good: GoodGeneration[] = [];
  const warnings: string[] = [];
  let damaged: string[] = [];
  for (const place of places) {
    const genuine = place.found.filter(({ bytes }) => hasMacOf(vault.id, root, bytes));
    const stored = genuine.find(({ content }) => !(content instanceof LockstepError)) ?? genuine[0];
    if (stored === undefined) {
      damaged.push(`${place.key} was damaged, or written by someone who does not have the vault's root key`);
      continue;
    }
    if (stored.content instanceof LockstepError) {
      if (stored.content.code === "VAULT_NEWER") throw stored.content;
      damaged.push(stored.content.message);
      continue;
    }
    const next = { stored, keyring: stored.content, contents: openGeneration(stored.content, pair) };
    const problem = problemOf(next, good, vault);
    if (problem !== null) return { good, refused: damaged[0] ?? `${place.key} ${problem}`, warnings };
    good.push(next);
    warnings.push(...damaged.map((what) => `${what}; later generations say all that it said`));
    warnings.push(...placeWarnings(place, stored));
    damaged = [];
  }
  return { good, refused: damaged[0] ?? null, warnings: [...warnings, ...missingWarnings(places, good)] };
}

function problemOf(next: GoodGeneration, good: readonly GoodGeneration[], vault: VaultFile): string | null {
  const before = good.at(-1);
  const { previous, generation } = next.keyring;
  if (before?.keyring.generation === generation - 1 && previous !== null && hex(previous) !== before.stored.hash) {
    return `does not follow generation ${before.keyring.generation} that is here, but another one`;
  }
  if (next.contents === null) return null;
  if (!equalSecret(rootCommitment(vault.id, next.contents.root), vault.rootCommitment)) {
    return "holds another root key than the vault's";
  }
  const opened = good.findLast(({ contents }) => contents !== null);
  if (opened?.contents && !continues(opened.contents.epochs, next.contents.epochs)) {
    return `does not hold the data keys of generation ${opened.keyring.generation}`;
  }
  return null;
}

function continues(before: readonly Secret[], after: readonly Secret[]): boolean {
  return before.every((epoch, at) => {
    const same = after[at];
    return same !== undefined && equalSecret(epoch.bytes, same.bytes);
  });
}

function placeWarnings(place: GenerationPlace, used: StoredGeneration): string[] {
  if (!place.hasPrimary) return [`${place.key} is missing; its second copy was read`];
  if (used.key !== place.key) return [`${place.key} is damaged; its second copy was read`];
  return place.found.length > 1 ? [`the second copy of ${place.key} is damaged`] : [];
}

function missingWarnings(places: readonly GenerationPlace[], good: readonly GoodGeneration[]): string[] {
  const newest = good.at(-1)?.keyring.generation ?? 0;
  const below = places.filter(({ number }) => number < newest).length;
  const missing = newest - 1 - below;
  return missing > 0 ? [`${missing} of the keyring's generations before ${newest} are missing`] : [];
}
