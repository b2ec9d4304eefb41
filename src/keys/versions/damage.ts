import { act } from "#keys/access/act.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { itself } from "#keys/store/model.ts";
import type { VersionId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/**
 * Notes that a version's value was found damaged: it is used no more, no copy has it from now on, and copies that may have it stay. Not
 * inside a transaction, which may come to nothing: there whoever meets it next notes it.
 */
export function noteDamaged(store: KeyStore, id: VersionId, name: string): void {
  if (store.db.isTransaction || isDamaged(store, id)) return;
  act(store, itself, { act: "version.damaged", subject: name }, () =>
    prepared(store.db, "UPDATE versions SET damaged_ms = ? WHERE id = ?").run(store.deps.now().epochMilliseconds, id),
  );
}

function isDamaged({ db }: KeyStore, id: VersionId): boolean {
  return prepared(db, "SELECT damaged_ms FROM versions WHERE id = ?").get(id)?.["damaged_ms"] !== null;
}

/** Versions whose value was found damaged and was not put right, by name: `web01/v1`. Those that were destroyed are not among them. */
export function damagedVersions({ db }: KeyStore): readonly string[] {
  return prepared(
    db,
    `SELECT keys.name || '/v' || versions.number AS name FROM versions JOIN keys ON keys.id = versions.key
     WHERE damaged_ms IS NOT NULL AND destroyed_ms IS NULL ORDER BY keys.name, versions.number`,
  )
    .all()
    .map(({ name }) => String(name));
}
