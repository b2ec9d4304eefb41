import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";

/** A place that copies of the store go to. */
export type Place = {
  /** 32 hex digits. */
  readonly id: string;
  /** A folder or URL, as it is opened. */
  readonly place: string;
  /** What fails together with it, by a custodian's word. */
  readonly domain: string;
  readonly addedMs: number;
  readonly removedMs: number | null;
  /** How the last attempt at it went; null where there was none. */
  readonly state: PlaceState | null;
};

export type PlaceState = {
  readonly triedMs: number;
  /** Why it failed, in words; null where it did not. */
  readonly failure: string | null;
  /** When it refused to delete a copy that had served its term; null where it does not refuse, as far as is known. */
  readonly keepsMs: number | null;
};

/** All places, those that were removed as well, by name. */
export function loadPlaces({ db }: KeyStore): readonly Place[] {
  return db
    .prepare(
      "SELECT places.*, tried_ms, failure, keeps_ms FROM places LEFT JOIN place_states ON place_states.place = places.id ORDER BY places.place",
    )
    .all()
    .map((row) => ({
      id: String(row["id"]),
      place: String(row["place"]),
      domain: String(row["domain"]),
      addedMs: Number(row["added_ms"]),
      removedMs: msOrNull(row["removed_ms"]),
      state:
        row["tried_ms"] === null
          ? null
          : {
              triedMs: Number(row["tried_ms"]),
              failure: row["failure"] === null ? null : String(row["failure"]),
              keepsMs: msOrNull(row["keeps_ms"]),
            },
    }));
}

/** Places that copies go to now. */
export function placesInUse(store: KeyStore): readonly Place[] {
  return loadPlaces(store).filter(({ removedMs }) => removedMs === null);
}

/**
 * Adds a place, or one again that was removed. To be called inside a transaction.
 *
 * @returns  its id
 * @throws {LockstepError} NAME_TAKEN: it is one
 */
export function addPlace(store: KeyStore, { place, domain }: Pick<Place, "place" | "domain">): string {
  const { db, deps } = store;
  const known = loadPlaces(store).find((each) => each.place === place);
  const nowMs = deps.now().epochMilliseconds;
  if (known === undefined) {
    const id = hex(deps.random(16));
    db.prepare("INSERT INTO places VALUES (?, ?, ?, ?, NULL)").run(id, place, domain, nowMs);
    return id;
  }
  if (known.removedMs === null)
    throw new LockstepError("NAME_TAKEN", `adding the place ${place}: copies go there already`);
  db.prepare("UPDATE places SET domain = ?, added_ms = ?, removed_ms = NULL WHERE id = ?").run(domain, nowMs, known.id);
  return known.id;
}

/**
 * Removes a place: no more copies go there, and what is there stays. To be called inside a transaction.
 *
 * @throws {LockstepError} NAME_UNKNOWN
 */
export function removePlace(store: KeyStore, place: string): void {
  const { db, deps } = store;
  const { changes } = db
    .prepare("UPDATE places SET removed_ms = ? WHERE (place = ?2 OR id = ?2) AND removed_ms IS NULL")
    .run(deps.now().epochMilliseconds, place);
  if (changes !== 0) return;
  throw new LockstepError("NAME_UNKNOWN", `removing the place ${place}: no copies go there`, {
    hint: "`lockstep place list` shows all.",
  });
}

/** Notes how an attempt at a place went. To be called inside a transaction. */
export function savePlaceState({ db }: KeyStore, id: string, { triedMs, failure, keepsMs }: PlaceState): void {
  db.prepare("INSERT OR REPLACE INTO place_states VALUES (?, ?, ?, ?)").run(id, triedMs, failure, keepsMs);
}

function msOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
