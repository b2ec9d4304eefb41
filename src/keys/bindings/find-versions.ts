import { LockstepError } from "#errors/errors.ts";
import { bindingsOfVersion } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { VersionId } from "#keys/store/model.ts";
import { loadVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** A version that somebody may mean, and all that it is bound to. */
export type FoundVersion = { readonly version: Version; readonly bindings: readonly Binding[] };

/** More than this says that the search was for too little. */
const FOUND_LIMIT = 1000;

/** So many characters of a name or note at least, or everything would be found. */
const LEAST_LENGTH = 3;

/**
 * Finds versions by what people see of a volume, a machine or a key: the key ID that BitLocker shows (the first eight digits of a
 * protector's GUID, or all of it), a volume's UUID or GUID or the start of it, a machine's name, the name of a key or version, and what
 * is written in a name or note. Letters' case does not matter, nor do braces around a GUID.
 *
 * @returns by name; at most 1,000
 * @throws {LockstepError} ARGUMENT_INVALID: there is nothing to look for
 */
export function findVersions(store: KeyStore, text: string): readonly FoundVersion[] {
  const wanted = text
    .trim()
    .replace(/^\{(.*)\}$/, "$1")
    .toLowerCase();
  if (wanted === "") {
    throw new LockstepError("ARGUMENT_INVALID", "looking for a key: nothing says what for", {
      hint: "Name a key ID, a UUID, a machine or a key.",
    });
  }
  // A GUID, or at least its first group: anything else is no part of one.
  const guid = /^[0-9a-f]{8}(-[0-9a-f-]*)?$/.test(wanted) ? wanted : null;
  const part = wanted.length < LEAST_LENGTH ? null : wanted;
  return store.db
    .prepare(
      `SELECT versions.id AS id FROM versions JOIN keys ON keys.id = versions.key
       WHERE lower(keys.name) = ?1 OR lower(keys.name || '/v' || versions.number) = ?1
         OR instr(lower(keys.name), ?3) > 0 OR instr(lower(versions.note), ?3) > 0
         OR versions.id IN (
           SELECT version FROM bindings
           WHERE lower(machine) = ?1
             OR substr(lower(volume_uuid), 1, length(?2)) = ?2 OR substr(protector_id, 1, length(?2)) = ?2)
       ORDER BY keys.name, versions.number LIMIT ?4`,
    )
    .all(wanted, guid, part, FOUND_LIMIT)
    .map(({ id }) => {
      const version = loadVersion(store, String(id) as VersionId);
      return { version, bindings: bindingsOfVersion(store, version.id) };
    });
}
