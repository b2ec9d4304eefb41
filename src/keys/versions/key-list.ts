import type { KeyStore } from "#keys/key-store.ts";
import type { KeyId } from "#keys/store/model.ts";
import { loadCurrentVersions } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** A key in the list of all. */
export type ListedKey = {
  readonly id: KeyId;
  readonly name: string;
  readonly createdMs: number;
  /** Versions neither retired nor destroyed; where there is none, the newest. */
  readonly current: readonly Version[];
  /** How many it has in all. */
  readonly count: number;
};

/** All keys, by name. */
export function loadKeys(store: KeyStore): readonly ListedKey[] {
  const byKey = Map.groupBy(loadCurrentVersions(store), ({ key }) => key);
  return store.db
    .prepare(
      `SELECT id, name, created_ms, (SELECT count(*) FROM versions WHERE versions.key = keys.id) AS count
       FROM keys ORDER BY name`,
    )
    .all()
    .map((row) => {
      const id = String(row["id"]) as KeyId;
      return {
        id,
        name: String(row["name"]),
        createdMs: Number(row["created_ms"]),
        current: currentOf(byKey.get(id) ?? []),
        count: Number(row["count"]),
      };
    });
}

/** Those that no other version took the place of; else the newest. @param versions  of one key, by number, with the newest */
export function currentOf(versions: readonly Version[]): readonly Version[] {
  const current = versions.filter(({ retiredMs, destroyedMs }) => (retiredMs ?? destroyedMs) === null);
  return current.length > 0 ? current : versions.slice(-1);
}
