import type { KitTargets, KitTrial, TriedKit } from "#cli/app/kit-tools.ts";
import { LockstepError, isLockstepError, messageOf } from "#errors/errors.ts";
import { findCopies } from "#keys/copies/copy-search.ts";
import { kitCopiesIdentity, kitVaultKey } from "#keys/kit/kit-secret.ts";
import type { Share } from "#keys/kit/kit-share.ts";
import { combineShares } from "#keys/kit/kit-shares.ts";
import { isKitWay } from "#ops/keys/kit-way.ts";
import type { Store } from "#store/contract.ts";
import type { KeyringDeps } from "#vault/keyring/keyring-change.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { listWays, wayInUse } from "#vault/keyring/keyring.ts";

/** What trying a kit works with. */
export type TryDeps = {
  readonly keyringDeps: KeyringDeps;
  readonly openStore: (place: string) => Promise<Store>;
};

/**
 * Combines shares, and tries what derives from them on the newest copy in each place and on vaults. Whatever has the secret is in the
 * memory of this process from then on.
 *
 * @throws {LockstepError} KIT_REJECTED: the shares do not go together; CANCELLED. What fails at a place is that trial's failure
 */
export async function tryKit(
  { keyringDeps, openStore }: TryDeps,
  shares: readonly Share[],
  { epoch, signingKey, places, vaults }: KitTargets,
  signal: AbortSignal,
): Promise<TriedKit> {
  using secret = await combineShares(shares);
  const identity = await kitCopiesIdentity(secret);
  using key = kitVaultKey(secret);
  const trials: KitTrial[] = [];
  const attempt = async (place: string, work: (objects: Store) => Promise<string>): Promise<void> => {
    try {
      await using objects = await openStore(place);
      trials.push({ place, opened: await work(objects), failure: null });
    } catch (error) {
      if (!isLockstepError(error) || error.code === "CANCELLED") throw error;
      trials.push({ place, opened: null, failure: messageOf(error) });
    }
  };
  let newestOpened = 0;
  for (const { place, newest } of places) {
    await attempt(place, async (objects) => {
      const { chain, refused } = await findCopies(identity, [{ place, objects }], signingKey, signal);
      const found = chain?.copies.at(-1)?.header;
      if (found === undefined || found.epoch !== epoch || found.number < newest) {
        const why = refused[0] ?? "the newest that should be there is missing";
        throw new LockstepError("COPY_REJECTED", `looking for copies: ${why}`);
      }
      newestOpened = Math.max(newestOpened, found.number);
      return `copy ${found.number} of epoch ${epoch}`;
    });
  }
  const opened: string[] = [];
  const others: { readonly place: string; readonly label: string }[] = [];
  for (const place of vaults) {
    await attempt(place, async (objects) => {
      const keyring = await openKeyring(objects, { kind: "keyfile", key }, keyringDeps, signal);
      opened.push(keyring.vault.id);
      for (const way of listWays(keyring)) {
        if (isKitWay(way) && way.id !== wayInUse(keyring)?.id) others.push({ place, label: way.label });
      }
      return `vault ${keyring.vault.id}`;
    });
  }
  return { trials, newest: newestOpened, vaults: opened, others };
}
