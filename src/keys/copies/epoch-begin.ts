import { LockstepError } from "#errors/errors.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import type { SearchedPlace } from "#keys/copies/copy-search.ts";
import { readClaims, writeClaim } from "#keys/copies/epoch-claim.ts";
import type { KeyStore } from "#keys/key-store.ts";

/**
 * Which epoch a recovery begins: one after all that were claimed by the store in these places, and after those that it is known
 * to have had. Claims that nobody signed take their numbers away, and count for nothing else.
 *
 * @param known  the greatest that copies and receipts name
 * @throws {LockstepError} what the places throw
 */
export async function nextEpoch(
  places: readonly SearchedPlace[],
  signingKey: Uint8Array,
  known: number,
  signal: AbortSignal,
): Promise<number> {
  let newest = known;
  const taken = new Set<number>();
  for (const { objects } of places) {
    for (const { epoch, claim } of await readClaims(objects, signingKey, signal)) {
      if (claim === null) taken.add(epoch);
      else newest = Math.max(newest, epoch);
    }
  }
  let next = newest + 1;
  while (taken.has(next)) next++;
  return next;
}

/**
 * Claims the epoch of a store that was recovered in every place, before anything else is done with it.
 *
 * @throws {LockstepError} KEY_STORE_FROZEN: another recovery claimed it meanwhile; and what the places throw
 */
export async function beginEpoch(
  store: KeyStore,
  places: readonly SearchedPlace[],
  signal: AbortSignal,
): Promise<void> {
  const { id, epoch, epochClaim, signingPublic } = store.facts();
  const claim = { store: id, epoch, claim: epochClaim, at: store.deps.now().toString() };
  const bytes = writeClaim(claim, (signed) => store.ring.sign("epoch", signed));
  for (const { place, objects } of places) {
    await objects.put(copyKeys.claim(epoch), [bytes], {}, signal);
    const found = (await readClaims(objects, signingPublic, signal)).find((each) => each.epoch === epoch);
    if (found?.claim?.claim === epochClaim) continue;
    const when = found?.claim === null || found === undefined ? "" : ` at ${found.claim.at}`;
    throw new LockstepError(
      "KEY_STORE_FROZEN",
      `recovering the key store: epoch ${epoch} was claimed in ${place}${when}`,
      {
        hint: "Somebody else recovers it now. If nobody does after all, run it again.",
      },
    );
  }
}
