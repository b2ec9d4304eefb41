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

/** So many digits of the first group of a UUID at least. */
const LEAST_DIGITS = 4;

/** So many characters of a name or note at least, or everything would be found. */
const LEAST_LENGTH = 3;

/**
 * Finds versions by what people see of a volume, a machine or a key: the key ID that BitLocker shows (the first eight digits of a
 * protector's GUID, or all of it), a volume's UUID or GUID or the start of it, a machine's name (as it was when something was bound, or
 * as its vault reports it, with points that the version opens), the name of a key or version, and what is written in a name or note. Letters' case does not matter, nor do braces, blanks and missing hyphens in a GUID.
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
  const guid = startOfGuid(wanted);
  const part = wanted.length < LEAST_LENGTH ? null : wanted;
  return store.db
    .prepare(
      `SELECT versions.id AS id FROM versions JOIN keys ON keys.id = versions.key
       WHERE lower(keys.name) = ?1 OR lower(keys.name || '/v' || versions.number) = ?1
         OR instr(lower(keys.name), ?3) > 0 OR instr(lower(versions.note), ?3) > 0
         OR instr(lower(versions.note), 'key id ' || ?2) > 0
         OR versions.id IN (
           SELECT version FROM bindings
           WHERE lower(machine) = ?1
             OR substr(lower(volume_uuid), 1, length(?2)) = ?2 OR substr(protector_id, 1, length(?2)) = ?2)
         OR versions.id IN (
           SELECT bindings.version FROM header_protectors JOIN bindings USING (volume_identity, protector)
           WHERE header IN (
             SELECT header FROM machines JOIN point_volumes USING (vault, machine) WHERE lower(machines.name) = ?1))
       ORDER BY keys.name, versions.number LIMIT ?4`,
    )
    .all(wanted, guid, part, FOUND_LIMIT)
    .map(({ id }) => {
      const version = loadVersion(store, String(id) as VersionId);
      return { version, bindings: bindingsOfVersion(store, version.id) };
    });
}

/** An ID of a volume or protector that is much like one that somebody typed. */
export type AlikeId = { readonly id: string; readonly version: Version };

/** In so many of the first eight digits an ID may be another and be meant: one is wrong, or two changed places. */
const WRONG_DIGITS = 2;

const FIRST_GROUP = 8;

/** IDs whose first eight digits are nearly those that were typed, with versions that are bound there or have the key ID in their note. */
export function findAlikeIds(store: KeyStore, text: string): readonly AlikeId[] {
  const wanted = startOfGuid(text.trim().toLowerCase()) ?? "";
  if (wanted.length < FIRST_GROUP) return [];
  return store.db
    .prepare(
      `SELECT lower(protector_id) AS id, version FROM bindings UNION SELECT lower(volume_uuid), version FROM bindings
       UNION SELECT substr(note, instr(lower(note), 'key id ') + 7, 36), id FROM versions WHERE instr(lower(note), 'key id ') > 0`,
    )
    .all()
    .map(({ id, version }) => ({ id: String(id), version: String(version) as VersionId }))
    .filter(({ id }) => /^[0-9a-f]{8}-/.test(id) && wrongDigits(id, wanted) <= WRONG_DIGITS)
    .slice(0, FOUND_LIMIT)
    .map(({ id, version }) => ({ id, version: loadVersion(store, version) }));
}

function wrongDigits(id: string, wanted: string): number {
  return Array.from({ length: FIRST_GROUP }, (_, at) => id[at] !== wanted[at]).filter(Boolean).length;
}

/**
 * What people type of a GUID or UUID, as it is written: its start, with four digits or more. There is no O, I or L in one: who types them read
 * a zero or a one. Null: it can be no start of one.
 */
function startOfGuid(text: string): string | null {
  const digits = text
    .replaceAll(/[\s{}-]/g, "")
    .replaceAll("o", "0")
    .replaceAll(/[il]/g, "1");
  if (digits.length < LEAST_DIGITS || !/^[0-9a-f]{1,32}$/.test(digits)) return null;
  const groups = [0, 8, 12, 16, 20].map((from, at, all) => digits.slice(from, all[at + 1]));
  return groups.filter((group) => group !== "").join("-");
}
