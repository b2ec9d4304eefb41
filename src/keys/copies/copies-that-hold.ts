import { COPY_TERM_MS } from "#keys/copies/copy-plan.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { damagedVersions } from "#keys/versions/damage.ts";
import type { Version } from "#keys/versions/versions.ts";

/** A place with copies of the key store that may hold a version. */
export type HoldingPlace = {
  /** As it is opened: a folder or URL. */
  readonly place: string;
  readonly copies: number;
  /**
   * When the last of them has served its term, and is deleted. Null: nobody knows; the place keeps what it has, or is no longer ours, or
   * none is deleted since a version's value is damaged, or the day has passed and it is there.
   */
  readonly goneAtMs: number | null;
};

/**
 * Which places may hold a version in a copy of the key store: those with a copy that was written between its making and its
 * destruction and is not deleted, as the store knows it. Does not look at the places, nor for a version into each copy: an
 * increment that does not have it is counted.
 *
 * The clock may have been wrong at any of these times. So a copy is left out only where the order of things says the same: as written before
 * where no earlier copy was written later than the making, as written after where it knew of as many destructions.
 */
export function copiesThatHold(store: KeyStore, { createdMs, destroyedMs }: Version): readonly HoldingPlace[] {
  const areDeleted = damagedVersions(store).length === 0;
  const nowMs = store.deps.now().epochMilliseconds;
  return store.db
    .prepare(
      `SELECT places.place, count(*) AS copies, max(written_ms) AS newest_ms, removed_ms, keeps_ms
       FROM copies JOIN places ON places.id = copies.place LEFT JOIN place_states ON place_states.place = places.id
       WHERE copies.deleted_ms IS NULL
         AND (?1 > ?3 OR EXISTS (
           SELECT 1 FROM copies AS before
           WHERE (before.epoch, before.number) <= (copies.epoch, copies.number) AND before.written_ms >= ?1))
         AND (?2 IS NULL OR copies.written_ms <= ?2
           OR copies.destroyed < (SELECT count(*) FROM versions WHERE versions.destroyed_ms <= ?2))
       GROUP BY places.id ORDER BY places.place`,
    )
    .all(createdMs, destroyedMs, destroyedMs ?? nowMs)
    .map((row) => {
      const goneAtMs = Number(row["newest_ms"]) + COPY_TERM_MS;
      const isGoing = areDeleted && row["removed_ms"] === null && row["keeps_ms"] === null && goneAtMs > nowMs;
      return { place: String(row["place"]), copies: Number(row["copies"]), goneAtMs: isGoing ? goneAtMs : null };
    });
}
