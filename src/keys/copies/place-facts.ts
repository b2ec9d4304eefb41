import { isMissingChange } from "#keys/copies/copies.ts";
import { placesInUse } from "#keys/copies/places.ts";
import { loadChain } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";

/** A place that copies go to, and what it has by the store's own knowledge. */
export type PlaceShown = {
  readonly id: string;
  readonly place: string;
  readonly domain: string;
  readonly addedMs: number;
  readonly newest: { readonly number: number; readonly writtenMs: number } | null;
  /** Whether it has all that is in the store. */
  readonly complete: boolean;
  readonly copies: number;
  readonly sizeBytes: number;
  readonly failure: string | null;
  readonly keepsMs: number | null;
};

/** The places in use. Does not look at them. */
export function shownPlaces(store: KeyStore): readonly PlaceShown[] {
  const chain = loadChain(store);
  const last = chain.at(-1);
  const isWhole = last !== undefined && !isMissingChange(store, last);
  const counted = store.db.prepare(
    "SELECT count(*) AS copies, coalesce(sum(size_bytes), 0) AS size FROM copies WHERE place = ? AND deleted_ms IS NULL AND (verified_ms IS NOT NULL OR kind IS NULL)",
  );
  return placesInUse(store).map(({ id, place, domain, addedMs, state }) => {
    const newest = chain.findLast(({ places }) => places.has(id));
    const row = counted.get(id);
    return {
      id,
      place,
      domain,
      addedMs,
      newest: newest === undefined ? null : { number: newest.number, writtenMs: newest.writtenMs },
      complete: isWhole && chain.every(({ places }) => places.has(id)),
      copies: Number(row?.["copies"]),
      sizeBytes: Number(row?.["size"]),
      failure: state?.failure ?? null,
      keepsMs: state?.keepsMs ?? null,
    };
  });
}
