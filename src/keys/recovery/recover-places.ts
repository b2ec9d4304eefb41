import type { NamedCopy } from "#keys/copies/copy-search.ts";
import { addPlace, loadPlaces, placesInUse } from "#keys/copies/places.ts";
import { saveFound } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";

/**
 * Makes the places that a store was recovered from those that its copies go to, with all copies that lie there. Others are taken
 * out: this machine may not reach them, or by another name. What lies in those, and in any that copies ever went to, is not known: each
 * counts as having the newest copy for good, so that no certificate says of a value there that it is gone. To be called inside a transaction.
 *
 * @param named   those of this store that lie in the places: see `ownCopies`
 * @param newest  the copy that the store was recovered from
 * @returns       the places that were taken out
 */
export function takeOverPlaces(
  store: KeyStore,
  places: readonly { readonly place: string; readonly domain: string }[],
  named: readonly NamedCopy[],
  newest: Pick<NamedCopy, "epoch" | "number">,
): readonly string[] {
  const { db, deps } = store;
  const nowMs = deps.now().epochMilliseconds;
  const before = placesInUse(store);
  db.prepare("UPDATE places SET removed_ms = ? WHERE removed_ms IS NULL").run(nowMs);
  for (const place of places) addPlace(store, place);
  const reached = new Set(places.map(({ place }) => place));
  const others = loadPlaces(store).filter(({ place }) => !reached.has(place));
  const ids = new Map(placesInUse(store).map(({ place, id }) => [place, id]));
  for (const [place, id] of ids) {
    saveFound(
      store,
      id,
      named.filter((copy) => copy.place === place),
    );
  }
  for (const { id } of others) saveFound(store, id, [{ ...newest, sizeBytes: 0 }]);
  return before.map(({ place }) => place).filter((place) => !reached.has(place));
}
