import { fromHex, hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Random } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { nobody } from "#keys/store/model.ts";
import type { Caller, IdentityId, Role } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";

/** Bytes of a token: too many to guess, so it needs no costly hash. */
const TOKEN_BYTES = 32;

/** Somebody who may ask the key side. Its token is known to its holder only. */
export type Identity = {
  readonly id: IdentityId;
  /** Never used again once it is revoked. */
  readonly name: string;
  readonly role: Role;
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
};

/** A token as its holder keeps it. */
export function newToken(random: Random): string {
  return hex(random(TOKEN_BYTES));
}

/** Adds an identity. To be called inside a transaction. @throws {LockstepError} NAME_TAKEN */
export function addIdentity(
  { db, deps }: KeyStore,
  { name, role, token, expiresMs }: { name: string; role: Role; token: string; expiresMs: number | null },
): IdentityId {
  if (db.prepare("SELECT 1 FROM identities WHERE name = ?").get(name) !== undefined) {
    throw new LockstepError("NAME_TAKEN", `adding the identity ${name}: there is one of this name, or there was`);
  }
  const id = hex(deps.random(16)) as IdentityId;
  db.prepare(
    `INSERT INTO identities (id, name, role, created_ms, expires_ms, revoked_ms, token_hash)
     VALUES (?, ?, ?, ?, ?, NULL, ?)`,
  ).run(id, name, role, deps.now().epochMilliseconds, expiresMs, tokenHash(token));
  return id;
}

/** All identities, also those that are revoked or have expired, in the order in which they were added. */
export function loadIdentities({ db }: KeyStore): readonly Identity[] {
  return db.prepare("SELECT * FROM identities ORDER BY created_ms, rowid").all().map(identityOf);
}

/** @throws {LockstepError} NAME_UNKNOWN */
export function identityNamed({ db }: KeyStore, name: string): Identity {
  const row = db.prepare("SELECT * FROM identities WHERE name = ?").get(name);
  if (row !== undefined) return identityOf(row);
  throw new LockstepError("NAME_UNKNOWN", `the key store has no identity ${name}`, {
    hint: "`lockstep identity list` shows all.",
  });
}

/**
 * Revokes an identity, for good. To be called inside a transaction.
 *
 * @throws {LockstepError} CUSTODIAN_LAST: no custodian would be left whose token does not expire
 */
export function revokeIdentity(store: KeyStore, { id, name, role }: Identity): void {
  if (role === "custodian" && !loadIdentities(store).some((other) => other.id !== id && isLasting(other))) {
    throw new LockstepError("CUSTODIAN_LAST", `revoking ${name}: no other custodian has a token that does not expire`, {
      hint: "Add one first: `lockstep identity add NAME --role custodian`.",
    });
  }
  store.db
    .prepare("UPDATE identities SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL")
    .run(store.deps.now().epochMilliseconds, id);
}

function isLasting({ role, revokedMs, expiresMs }: Identity): boolean {
  return role === "custodian" && revokedMs === null && expiresMs === null;
}

/** How many custodians can ask now. Two or more approve each other's acts. */
export function countCustodians({ db, deps }: KeyStore): number {
  const row = db
    .prepare(
      `SELECT count(*) AS n FROM identities
       WHERE role = 'custodian' AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)`,
    )
    .get(deps.now().epochMilliseconds);
  return Number(row?.["n"]);
}

/** Who asks, and why he is not let in; null when he is. */
export type Identified = { readonly caller: Caller; readonly rejected: LockstepError | null };

/**
 * Whose token this is. Takes the same work whatever the token is: a hash, and a search for that.
 *
 * @param token  null: somebody without one, who is nobody and is let in
 * @returns      `rejected` is IDENTITY_REJECTED: the token is nobody's, has expired, or was revoked; for the latter the caller still
 *   has the name
 */
export function identify({ db, deps }: KeyStore, token: string | null): Identified {
  if (token === null) return { caller: nobody, rejected: null };
  const row = prepared(db, "SELECT * FROM identities WHERE token_hash = ?").get(tokenHash(token));
  if (fromHex(token)?.length !== TOKEN_BYTES || row === undefined) {
    return { caller: nobody, rejected: rejection("is nobody's") };
  }
  const { id, name, role, revokedMs, expiresMs } = identityOf(row);
  const stranger: Caller = { identity: null, name, role: "nobody" };
  if (revokedMs !== null) return { caller: stranger, rejected: rejection(`of ${name} was revoked`) };
  if (expiresMs !== null && expiresMs <= deps.now().epochMilliseconds) {
    return { caller: stranger, rejected: rejection(`of ${name} has expired`) };
  }
  return { caller: { identity: id, name, role }, rejected: null };
}

function rejection(why: string): LockstepError {
  return new LockstepError("IDENTITY_REJECTED", `asking the key side: the token ${why}`, {
    hint: "A custodian adds an identity with a new one: `lockstep identity add`.",
  });
}

function tokenHash(token: string): Uint8Array {
  return sha256(utf8(`lockstep v1 token ${token}`));
}

function identityOf(row: Readonly<Record<string, unknown>>): Identity {
  return {
    id: String(row["id"]) as IdentityId,
    name: String(row["name"]),
    role: String(row["role"]) as Role,
    createdMs: Number(row["created_ms"]),
    expiresMs: row["expires_ms"] === null ? null : Number(row["expires_ms"]),
    revokedMs: row["revoked_ms"] === null ? null : Number(row["revoked_ms"]),
  };
}
