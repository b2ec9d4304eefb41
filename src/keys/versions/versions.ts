import type { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { KeyId, ValueKind, VersionId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";
import { noteDamaged } from "#keys/versions/damage.ts";
import { parseKeyName } from "#keys/versions/key-name.ts";

/** A version as the database has it, without its value. Instants are milliseconds since 1970. */
export type Version = {
  readonly id: VersionId;
  readonly key: KeyId;
  readonly keyName: string;
  readonly number: number;
  readonly kind: ValueKind;
  readonly origin: "generated" | "given";
  readonly note: string;
  readonly createdMs: number;
  readonly enabled: boolean;
  readonly activatesMs: number | null;
  readonly expiresMs: number | null;
  readonly retiredMs: number | null;
  readonly compromisedMs: number | null;
  readonly compromisedWhy: string | null;
  readonly deletedMs: number | null;
  readonly destroyedMs: number | null;
  /** When its value was found damaged; null: it was not, or was put right. */
  readonly damagedMs: number | null;
};

/** What to store. */
export type NewVersion = {
  readonly keyName: string;
  readonly kind: ValueKind;
  readonly value: Secret;
  readonly origin: Version["origin"];
  readonly note: string;
  readonly activatesMs: number | null;
  readonly expiresMs: number | null;
};

/** `web01/v1`, as people name a version. */
export function versionName({ keyName, number }: Pick<Version, "keyName" | "number">): string {
  return `${keyName}/v${number}`;
}

/**
 * Adds a version, and its key where there is none. To be called inside a transaction; the store is open.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the name can be none of a key
 */
export function addVersion(store: KeyStore, given: NewVersion): Version {
  const { db, deps, ring } = store;
  const nowMs = deps.now().epochMilliseconds;
  const key = keyNamed(store, given.keyName) ?? addKey(store, given.keyName);
  const last = db.prepare("SELECT max(number) AS number FROM versions WHERE key = ?").get(key);
  const number = Number(last?.["number"] ?? 0) + 1;
  const id = hex(deps.random(16)) as VersionId;
  const wrappedAs = valueName({ id, key, number, kind: given.kind });
  const { wrapping, value } = ring.wrap(wrappedAs, given.value, deps.random);
  db.prepare(
    `INSERT INTO versions (id, key, number, kind, origin, note, created_ms, enabled, activates_ms, expires_ms, wrapping, value)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)`,
  ).run(
    id,
    key,
    number,
    given.kind,
    given.origin,
    given.note,
    nowMs,
    given.activatesMs,
    given.expiresMs,
    wrapping,
    value,
  );
  return loadVersion(store, id);
}

function addKey({ db, deps }: KeyStore, name: string): KeyId {
  const id = hex(deps.random(16)) as KeyId;
  db.prepare("INSERT INTO keys VALUES (?, ?, ?, '{}')").run(id, parseKeyName(name), deps.now().epochMilliseconds);
  return id;
}

function keyNamed({ db }: KeyStore, name: string): KeyId | null {
  const row = db.prepare("SELECT id FROM keys WHERE name = ?").get(name);
  return row === undefined ? null : (String(row["id"]) as KeyId);
}

/** A key as the database has it. */
export type Key = { readonly id: KeyId; readonly name: string; readonly createdMs: number };

/** @throws {LockstepError} NAME_UNKNOWN */
export function loadKey({ db }: KeyStore, id: KeyId): Key {
  const row = db.prepare("SELECT name, created_ms FROM keys WHERE id = ?").get(id);
  if (row === undefined) throw unknown(id);
  return { id, name: String(row["name"]), createdMs: Number(row["created_ms"]) };
}

const columns = "versions.*, keys.name AS key_name FROM versions JOIN keys ON keys.id = versions.key";

/** @throws {LockstepError} NAME_UNKNOWN */
export function loadVersion({ db }: KeyStore, id: VersionId): Version {
  const row = prepared(db, `SELECT ${columns} WHERE versions.id = ?`).get(id);
  if (row === undefined) throw unknown(id);
  return versionOf(row);
}

/** All versions of a key, or of all keys, by name and number. */
export function loadVersions({ db }: KeyStore, keyName: string | null): readonly Version[] {
  const ordered = "ORDER BY keys.name, versions.number";
  const rows =
    keyName === null
      ? prepared(db, `SELECT ${columns} ${ordered}`).all()
      : prepared(db, `SELECT ${columns} WHERE keys.name = ? ${ordered}`).all(keyName);
  return rows.map(versionOf);
}

/** Versions of all keys that are neither retired nor destroyed, and the newest of each key that has none; by name and number. */
export function loadCurrentVersions({ db }: KeyStore): readonly Version[] {
  const current = "versions.retired_ms IS NULL AND versions.destroyed_ms IS NULL";
  return db
    .prepare(
      `SELECT ${columns} WHERE ${current}
       UNION ALL
       SELECT ${columns}
       WHERE NOT EXISTS (SELECT 1 FROM versions AS any_one WHERE any_one.key = keys.id AND ${current.replaceAll("versions.", "any_one.")})
         AND versions.number = (SELECT max(number) FROM versions AS all_of_key WHERE all_of_key.key = keys.id)
       ORDER BY key_name, number`,
    )
    .all()
    .map(versionOf);
}

/**
 * The version that somebody names: `web01/v1`, or `web01` where that key has one that is neither retired nor deleted.
 *
 * @throws {LockstepError} NAME_UNKNOWN; NAME_AMBIGUOUS: the key alone names several
 */
export function findVersion(store: KeyStore, name: string): Version {
  const [, keyName = name, number] = /^(.*)\/v([1-9][0-9]{0,8})$/.exec(name) ?? [];
  const all = loadVersions(store, keyName);
  if (number !== undefined) {
    const found = all.find((version) => version.number === Number(number));
    if (found !== undefined) return found;
    throw unknown(name);
  }
  const current = all.filter(
    ({ retiredMs, deletedMs, destroyedMs }) => (retiredMs ?? deletedMs ?? destroyedMs) === null,
  );
  const [version, another] = current;
  if (version === undefined) throw unknown(name);
  if (another === undefined) return version;
  throw new LockstepError("NAME_AMBIGUOUS", `the key ${name} has several versions in use`, {
    hint: `Name one of them: ${current.map(versionName).join(", ")}.`,
  });
}

/** The version, or all versions of the key, that somebody names: `web01/v1`, `web01`. @throws {LockstepError} NAME_UNKNOWN */
export function versionsNamed(store: KeyStore, name: string): readonly [Version, ...Version[]] {
  if (name.includes("/")) return [findVersion(store, name)];
  const [first, ...others] = loadVersions(store, name);
  if (first === undefined) throw unknown(name);
  return [first, ...others];
}

/**
 * The value of a version. Does not look at whether it may be used: see `whyUnusable`. That it is damaged is noted.
 *
 * @throws {LockstepError} KEY_STORE_SEALED; KEY_STORE_CORRUPT; VERSION_UNUSABLE: it was destroyed
 */
export function versionValue(store: KeyStore, version: Version): Secret {
  const { db, ring } = store;
  const name = versionName(version);
  const row = prepared(db, "SELECT wrapping, value, destroyed_ms FROM versions WHERE id = ?").get(version.id);
  if (row === undefined) throw unknown(name);
  if (row["destroyed_ms"] !== null) throw new LockstepError("VERSION_UNUSABLE", `the value of ${name} was destroyed`);
  if (row["value"] === null) {
    throw new LockstepError(
      "KEY_STORE_CORRUPT",
      `the value of ${name} is missing: it was damaged already when the copy was made that the key store was recovered from`,
      { hint: "An older copy may have it; `lockstep key heal` puts it right." },
    );
  }
  try {
    return ring.unwrap(valueName(version), { wrapping: Number(row["wrapping"]), value: row["value"] as Uint8Array });
  } catch (error) {
    if (!isLockstepError(error, "KEY_STORE_CORRUPT")) throw error;
    noteDamaged(store, version.id, name);
    throw new LockstepError("KEY_STORE_CORRUPT", `the value of ${name} was changed in the database, or is damaged`, {
      hint: `\`lockstep key heal ${name}\` puts it right, by the same value from elsewhere: docs/keys.md.`,
      cause: error,
    });
  }
}

/** Why a version's value may not be used for anything now, in words; null when it may. */
export function whyUnusable(version: Version, now: Temporal.Instant): string | null {
  if (version.destroyedMs !== null) return "it was destroyed";
  if (version.damagedMs !== null) return "its value is damaged: `lockstep key heal` puts it right";
  if (version.deletedMs !== null) return "it is deleted";
  if (!version.enabled) return "it is disabled";
  if (version.activatesMs !== null && version.activatesMs > now.epochMilliseconds) return "it is not active yet";
  return null;
}

/** What a version's value is wrapped as: it opens for no other version, and for none of another kind. */
export function valueName({ id, key, number, kind }: Pick<Version, "id" | "key" | "number" | "kind">): string {
  return `version ${id}, ${kind}, number ${number} of key ${key}`;
}

function unknown(name: string): LockstepError {
  const what = name.includes("/") ? "version" : "key";
  return new LockstepError("NAME_UNKNOWN", `the key store has no ${what} ${name}`, {
    hint: "`lockstep key list` shows what there is.",
  });
}

type Row = Readonly<Record<string, unknown>>;

function versionOf(row: Row): Version {
  return {
    id: String(row["id"]) as VersionId,
    key: String(row["key"]) as KeyId,
    keyName: String(row["key_name"]),
    number: Number(row["number"]),
    kind: String(row["kind"]) as ValueKind,
    origin: String(row["origin"]) as Version["origin"],
    note: String(row["note"]),
    createdMs: Number(row["created_ms"]),
    enabled: row["enabled"] === 1,
    activatesMs: numberOrNull(row["activates_ms"]),
    expiresMs: numberOrNull(row["expires_ms"]),
    retiredMs: numberOrNull(row["retired_ms"]),
    compromisedMs: numberOrNull(row["compromised_ms"]),
    compromisedWhy: textOrNull(row["compromised_why"]),
    deletedMs: numberOrNull(row["deleted_ms"]),
    destroyedMs: numberOrNull(row["destroyed_ms"]),
    damagedMs: numberOrNull(row["damaged_ms"]),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
