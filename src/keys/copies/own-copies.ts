import { namedCopies } from "#keys/copies/copy-search.ts";
import type { NamedCopy, SearchedPlace } from "#keys/copies/copy-search.ts";
import { readClaims } from "#keys/copies/epoch-claim.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Store } from "#store/contract.ts";

/**
 * The epochs of which a place has a claim that this store signed. Whatever lies there under another epoch may be another key store's.
 *
 * @throws {LockstepError} what the place throws
 */
export async function ownEpochs(store: KeyStore, objects: Store, signal: AbortSignal): Promise<ReadonlySet<number>> {
  const { id, signingPublic } = store.facts();
  const claims = await readClaims(objects, signingPublic, signal);
  return new Set(claims.filter(({ claim }) => claim?.store === id).map(({ epoch }) => epoch));
}

/**
 * Everything in a place that has the name of a copy of an epoch that this store claimed there. Does not look into it.
 *
 * @throws {LockstepError} what the place throws
 */
export async function ownCopies(store: KeyStore, place: SearchedPlace, signal: AbortSignal): Promise<NamedCopy[]> {
  const own = await ownEpochs(store, place.objects, signal);
  return (await namedCopies(place, signal)).filter(({ epoch }) => own.has(epoch));
}
