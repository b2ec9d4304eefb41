import { Secret } from "#bytes/secret.ts";
import { shellWord } from "#bytes/shell-word.ts";
import { fromHex, hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import type { Retry } from "#store/retry.ts";
import { EPOCHS_LIMIT, WAYS_LIMIT, sealContents, writeKeyring } from "#vault/keyring/keyring-format.ts";
import type { Keyring, KeyringContents } from "#vault/keyring/keyring-format.ts";
import { reopenKeyring } from "#vault/keyring/keyring-open.ts";
import { vaultKeysOf } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring, Opener, UnstoredObject } from "#vault/keyring/keyring.ts";
import type { PassphraseKdf } from "#vault/keyring/passphrase-kdf.ts";
import { wrapToWay } from "#vault/keyring/unlock-way-exchange.ts";
import { makeWay } from "#vault/keyring/unlock-way.ts";
import type { NewWay, UnlockWay, WayId } from "#vault/keyring/unlock-way.ts";
import { writeVaultFile } from "#vault/keyring/vault-file.ts";
import type { VaultFile } from "#vault/keyring/vault-file.ts";
import { newId } from "#vault/object/ids.ts";
import type { VaultId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { rootCommitment } from "#vault/object/vault-keys.ts";

/** What changes of a keyring take besides the store. */
export type KeyringDeps = {
  readonly random: Random;
  readonly now: () => Temporal.Instant;
  readonly kdf: PassphraseKdf;
  readonly retry: Retry;
};

/**
 * Makes a vault in an empty store.
 *
 * `vault.json` is written last: what a crash leaves before it is no vault. It cannot be taken up again, because nobody
 * knows whether its maker is still at work: it has to be removed by hand.
 *
 * @param ways  at least one; the first counts as the one that opened the vault
 * @throws {LockstepError} VAULT_EXISTS: there is a vault, or what is left of one, or another one came first;
 *   ARGUMENT_INVALID: no way, too many, a bad label, an empty passphrase; NAME_TAKEN: a label or key file twice; CANCELLED
 */
export async function createVault(
  store: Store,
  { ways: newWays }: { readonly ways: readonly NewWay[] },
  deps: KeyringDeps,
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  await refuseIfTaken(store, signal);
  const root = new Secret(deps.random(32));
  const id = newId<VaultId>(deps.random);
  const vault = { id, createdAt: deps.now(), rootCommitment: rootCommitment(id, root) };
  const ways: UnlockWay[] = [];
  let opener: Opener | null = null;
  for (const newWay of newWays) {
    const { way, pair } = await makeWay(newWay, vault, deps, signal);
    refuseWay(store, ways, way);
    ways.push(way);
    opener ??= { kind: way.kind, pair };
  }
  if (opener === null) throw new LockstepError("ARGUMENT_INVALID", "Creating a vault: it needs an unlock way.");
  const contents = { root, epochs: [new Secret(deps.random(32))] };
  const { keyring, bytes } = composeGeneration(vault, null, ways, contents, deps);
  const uncopied = [];
  for (const object of [
    { key: objectKeys.keyring(1), bytes },
    { key: objectKeys.vault, bytes: writeVaultFile(vault) },
  ]) {
    const whose = await putDefinite(store, object.key, [object.bytes], {}, deps.retry, signal);
    if (whose !== "mine") throw takenError(store, object.key);
    uncopied.push(...(await putCopy(store, object, deps, signal)));
  }
  return openedOf({ vault, opener, hashes: new Map() }, { keyring, bytes, contents, uncopied });
}

/**
 * Adds an unlock way. Two who do so at the same time both succeed.
 *
 * @returns  the keyring that has it; `opened` stays usable
 * @throws {LockstepError} NAME_TAKEN: the label or key file is one of the vault's; ARGUMENT_INVALID: as `makeWay`, or too
 *   many ways; KEYRING_FORGED: `opened` is for reading only; PASSPHRASE_REJECTED, KEY_FILE_REJECTED: the way that opened
 *   the vault was removed meanwhile; OBJECT_CONFLICT: something else lies where the next generation belongs
 */
export async function addWay(
  store: Store,
  opened: OpenedKeyring,
  newWay: NewWay,
  deps: KeyringDeps,
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  const { way } = await makeWay(newWay, opened.vault, deps, signal);
  const decide = ({ keyring, contents }: OpenedKeyring): Next => {
    refuseWay(store, keyring.ways, way);
    return { ways: [...keyring.ways, way], contents };
  };
  return changeKeyring(store, opened, decide, deps, signal);
}

/**
 * Removes an unlock way and starts a new data-key epoch, so that whoever kept the way reads nothing that is written from
 * then on. What was written before stays readable to him, if he has a copy of the vault as it was.
 *
 * @throws {LockstepError} NAME_UNKNOWN: there is no such way; UNLOCK_LAST: no other one would be left; and as `addWay`
 */
export async function removeWay(
  store: Store,
  opened: OpenedKeyring,
  id: WayId,
  deps: KeyringDeps,
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  const decide = ({ keyring, contents }: OpenedKeyring): Next => {
    const ways = keyring.ways.filter((way) => way.id !== id);
    if (ways.length === keyring.ways.length) {
      throw new LockstepError("NAME_UNKNOWN", `Removing an unlock way of ${store.name}: none has the id ${id}.`, {
        hint: "See `lockstep vault unlock list`.",
      });
    }
    if (ways.length === 0) {
      throw new LockstepError("UNLOCK_LAST", `Removing an unlock way of ${store.name}: it is the last one.`, {
        hint: "Add another unlock way first: without one, nobody could open the vault again.",
      });
    }
    return { ways, contents: withNewEpoch(store, contents, deps) };
  };
  return changeKeyring(store, opened, decide, deps, signal);
}

/**
 * Writes the objects that should be in the store and are not: a primary whose second copy was read, a second copy that a
 * crash left out. Replaces damaged second copies where the store lets it. A damaged primary stays: nothing may free its
 * name, since another generation could take it.
 *
 * @returns  the keys of what was written
 * @throws {LockstepError} STORE_DENIED (for what is missing), STORE_FULL, STORE_UNAVAILABLE
 */
export async function healKeyring(
  store: Store,
  { unstored, damagedCopies }: Pick<OpenedKeyring, "unstored" | "damagedCopies">,
  deps: Pick<KeyringDeps, "retry">,
  signal: AbortSignal,
): Promise<readonly ObjectKey[]> {
  const written: ObjectKey[] = [];
  const write = async ({ key, bytes }: UnstoredObject): Promise<void> => {
    const whose = await putDefinite(store, key, [bytes], {}, deps.retry, signal);
    if (whose === "mine") written.push(key);
  };
  for (const object of unstored) await write(object);
  for (const object of damagedCopies) if (await isRemoved(store, object.key, signal)) await write(object);
  return written;
}

/** Removes an object, but where the store allows no removal. */
async function isRemoved(store: Store, key: ObjectKey, signal: AbortSignal): Promise<boolean> {
  try {
    await store.delete(key, signal);
    return true;
  } catch (error) {
    if (isLockstepError(error, "STORE_DENIED")) return false;
    throw error;
  }
}

/** The ways and contents of a generation to be written. */
type Next = { readonly ways: readonly UnlockWay[]; readonly contents: KeyringContents };

/**
 * Writes the generation after the newest. Where another writer's is there already, the keyring is read again and the
 * change decided anew, so no change is lost and none is decided from an old state.
 */
async function changeKeyring(
  store: Store,
  opened: OpenedKeyring,
  decide: (current: OpenedKeyring) => Next,
  deps: KeyringDeps,
  signal: AbortSignal,
): Promise<OpenedKeyring> {
  let current = opened;
  for (;;) {
    if (current.readOnlyReason !== null) {
      throw new LockstepError("KEYRING_FORGED", `Changing the keyring of ${store.name}: ${current.readOnlyReason}.`, {
        hint: "Put the right object back from a replica of the vault, or remove the wrong one.",
      });
    }
    const { ways, contents } = decide(current);
    const { keyring, bytes } = composeGeneration(current.vault, current.keys.keyring, ways, contents, deps);
    const key = objectKeys.keyring(keyring.generation);
    if ((await putDefinite(store, key, [bytes], {}, deps.retry, signal)) === "mine") {
      const uncopied = await putCopy(store, { key, bytes }, deps, signal);
      return openedOf(current, { keyring, bytes, contents, uncopied });
    }
    const reread = await reopenKeyring(store, current, signal);
    if (reread.readOnlyReason === null && reread.keyring.generation < keyring.generation) {
      throw new LockstepError("OBJECT_CONFLICT", `Changing the keyring of ${store.name}: ${key} is taken.`, {
        hint: "Look at what lies there: a listing of the store does not show it.",
      });
    }
    current = reread;
  }
}

function withNewEpoch(store: Store, contents: KeyringContents, deps: KeyringDeps): KeyringContents {
  if (contents.epochs.length >= EPOCHS_LIMIT) {
    throw new LockstepError(
      "ARGUMENT_INVALID",
      `Changing the keyring of ${store.name}: it has ${EPOCHS_LIMIT} data keys.`,
      {
        hint: "No more fit in. Make a new vault.",
      },
    );
  }
  return { root: contents.root, epochs: [...contents.epochs, new Secret(deps.random(32))] };
}

function composeGeneration(
  vault: VaultFile,
  previous: { readonly generation: number; readonly hash: string } | null,
  ways: readonly UnlockWay[],
  contents: KeyringContents,
  { random, now }: Pick<KeyringDeps, "random" | "now">,
): { readonly keyring: Keyring; readonly bytes: Uint8Array } {
  const vaultId = vault.id;
  const generation = (previous?.generation ?? 0) + 1;
  using key = new Secret(random(32));
  const keyring = {
    vaultId,
    generation,
    previous: previous === null ? null : fromHex(previous.hash),
    createdAt: now(),
    ways: ways.map((way) => ({
      ...way,
      ...wrapToWay({ vaultId, generation, wayId: way.id }, way.publicKey, key, random),
    })),
    sealed: sealContents({ vaultId, generation }, key, contents),
  };
  return { keyring, bytes: writeKeyring(keyring, contents.root) };
}

/** A generation that this process wrote, as opening it would show it. */
function openedOf(
  before: Pick<OpenedKeyring, "vault" | "opener" | "hashes">,
  written: {
    readonly keyring: Keyring;
    readonly bytes: Uint8Array;
    readonly contents: KeyringContents;
    readonly uncopied: readonly UnstoredObject[];
  },
): OpenedKeyring {
  const { keyring, contents, uncopied } = written;
  const hash = hex(sha256(written.bytes));
  return {
    vault: before.vault,
    keys: vaultKeysOf(keyring, contents, hash),
    keyring,
    contents,
    opener: before.opener,
    hashes: new Map([...before.hashes, [keyring.generation, hash]]),
    warnings: uncopied.map(({ key }) => `${key} could not be written`),
    readOnlyReason: null,
    unstored: uncopied,
    damagedCopies: [],
  };
}

async function refuseIfTaken(store: Store, signal: AbortSignal): Promise<void> {
  for (const key of [objectKeys.vault, objectKeys.copy(objectKeys.vault)]) {
    if ((await store.stat(key, signal)) !== null) throw takenError(store, key);
  }
  for (const prefix of [objectKeys.keyringPrefix, objectKeys.copy(objectKeys.keyringPrefix)]) {
    for await (const { key } of store.list(prefix, {}, signal)) throw takenError(store, key);
  }
}

/** The primary is written, so the change is made: a second copy that cannot be written is returned, and is no failure. */
async function putCopy(
  store: Store,
  { key, bytes }: UnstoredObject,
  deps: KeyringDeps,
  signal: AbortSignal,
): Promise<readonly UnstoredObject[]> {
  if (!store.traits.singleDisk) return [];
  const copy = { key: objectKeys.copy(key), bytes };
  try {
    const whose = await putDefinite(store, copy.key, [bytes], {}, deps.retry, signal);
    return whose === "mine" ? [] : [copy];
  } catch (error) {
    if (isLockstepError(error)) return [copy];
    throw error;
  }
}

function takenError(store: Store, key: ObjectKey): LockstepError {
  const isVault = key.endsWith(objectKeys.vault);
  const what = isVault ? "there is one already" : `${key} is left of one that was not finished`;
  return new LockstepError("VAULT_EXISTS", `Creating a vault in ${store.name}: ${what}.`, {
    hint: isVault
      ? "Use it, or name another place."
      : "Name another place, or remove what is there if nobody is at work.",
  });
}

function refuseWay(store: Store, ways: readonly UnlockWay[], added: UnlockWay): void {
  const doing = `Adding the unlock way ${JSON.stringify(added.label)} to ${store.name}`;
  if (ways.some(({ label }) => label === added.label)) {
    throw new LockstepError("NAME_TAKEN", `${doing}: there is one of that name.`, {
      hint: `Give it another label; or, where what it names is lost, take that out first: \`lockstep vault unlock remove ${shellWord(added.label)}\`.`,
    });
  }
  const same = ways.find(({ publicKey }) => hex(publicKey) === hex(added.publicKey));
  if (same !== undefined) {
    throw new LockstepError("NAME_TAKEN", `${doing}: the key file is ${JSON.stringify(same.label)} already.`);
  }
  if (ways.length >= WAYS_LIMIT) {
    throw new LockstepError("ARGUMENT_INVALID", `${doing}: it has ${WAYS_LIMIT} already.`, {
      hint: "Remove one that nobody uses.",
    });
  }
}
