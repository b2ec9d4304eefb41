import type { NamedCopy } from "#keys/copy-search.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { addPlace, placesInUse } from "#keys/places.ts";

/**
 * Makes the places that a store was recovered from those that its copies go to, with all copies that lie there. Others are taken
 * out: this machine may not reach them, or by another name. To be called inside a transaction.
 *
 * @returns  the places that were taken out
 */
export function takeOverPlaces(
  store: KeyStore,
  places: readonly { readonly place: string; readonly domain: string }[],
  named: readonly NamedCopy[],
): readonly string[] {
  const { db, deps } = store;
  const nowMs = deps.now().epochMilliseconds;
  const before = placesInUse(store);
  db.prepare("UPDATE places SET removed_ms = ? WHERE removed_ms IS NULL").run(nowMs);
  for (const place of places) addPlace(store, place);
  const ids = new Map(placesInUse(store).map(({ place, id }) => [place, id]));
  const insert = db.prepare("INSERT INTO copies VALUES (?, ?, ?, NULL, NULL, ?, ?, NULL, NULL, 0, 0, 0, 0, NULL)");
  for (const { place, epoch, number, sizeBytes } of named) {
    const id = ids.get(place);
    if (id !== undefined) insert.run(epoch, number, id, sizeBytes, nowMs);
  }
  return before.map(({ place }) => place).filter((place) => !ids.has(place));
}
