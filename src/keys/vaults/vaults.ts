import { equalSecret } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller, IdentityId } from "#keys/store/model.ts";
import { prepared } from "#keys/store/prepared.ts";
import { runningDays } from "#keys/vaults/counted-days.ts";
import { QUARANTINE_DAYS } from "#keys/vaults/quarantine.ts";

/** A vault that the key store knows. */
export type KnownVault = {
  /** 32 hex digits. */
  readonly id: string;
  readonly name: string;
  /** 32 bytes. */
  readonly rootCommitment: Uint8Array;
  readonly reporter: IdentityId;
  readonly reporterName: string;
  readonly enrolledMs: number;
  /** Null: it never reported. */
  readonly lastReportMs: number | null;
  readonly retired: { readonly ms: number; readonly day: number } | null;
  readonly machines: number;
  /** That need their versions, quarantined ones too. */
  readonly points: number;
};

const columns = `vaults.*, identities.name AS reporter_name,
  (SELECT count(*) FROM machines WHERE machines.vault = vaults.id) AS machines,
  (SELECT count(*) FROM points WHERE points.vault = vaults.id) AS points
  FROM vaults JOIN identities ON identities.id = vaults.reporter`;

/** All vaults, by name. */
export function loadVaults({ db }: KeyStore): readonly KnownVault[] {
  return db.prepare(`SELECT ${columns} ORDER BY vaults.name`).all().map(vaultOf);
}

/** @throws {LockstepError} NAME_UNKNOWN */
export function loadVault({ db }: KeyStore, id: string): KnownVault {
  const row = db.prepare(`SELECT ${columns} WHERE vaults.id = ?`).get(id);
  if (row === undefined) throw unknownVault(id);
  return vaultOf(row);
}

/** What people call a vault. @throws {LockstepError} NAME_UNKNOWN */
export function vaultName({ db }: KeyStore, id: string): string {
  const row = prepared(db, "SELECT name FROM vaults WHERE id = ?").get(id);
  if (row === undefined) throw unknownVault(id);
  return String(row["name"]);
}

/**
 * Makes a vault known, or changes the name and the reporter of one that is; one that was retired counts again. To be called
 * inside a transaction.
 *
 * @param given.reporter  the name of a backup identity
 * @throws {LockstepError} NAME_UNKNOWN: there is no such identity in use; VAULT_EXISTS: it is known by another root key;
 *   NAME_TAKEN: another vault has the name
 */
export function enrolVault(
  store: KeyStore,
  given: {
    readonly vault: string;
    readonly name: string;
    readonly rootCommitment: Uint8Array;
    readonly reporter: string;
  },
): void {
  const { db, deps } = store;
  const { vault, name, rootCommitment } = given;
  const reporter = reporterNamed(store, given.reporter);
  if (db.prepare("SELECT 1 FROM vaults WHERE name = ? AND id <> ?").get(name, vault) !== undefined) {
    throw new LockstepError("NAME_TAKEN", `enrolling the vault ${name}: another one has this name`, {
      hint: "Give it another with --name; `lockstep vault list` shows all.",
    });
  }
  const known = db.prepare("SELECT root_commitment FROM vaults WHERE id = ?").get(vault);
  if (known === undefined) {
    db.prepare("INSERT INTO vaults VALUES (?, ?, ?, ?, ?, NULL, ?, ?, NULL, NULL)").run(
      vault,
      name,
      rootCommitment,
      reporter,
      deps.now().epochMilliseconds,
      runningDays(store),
      store.facts().epoch,
    );
    return;
  }
  if (!equalSecret(known["root_commitment"] as Uint8Array, rootCommitment)) {
    throw new LockstepError("VAULT_EXISTS", `enrolling the vault ${vault}: it is known, and had another root key`, {
      hint: "One of the two is forged: compare the commitment with the one on the kit.",
    });
  }
  db.prepare("UPDATE vaults SET name = ?, reporter = ? WHERE id = ?").run(name, reporter, vault);
  // Only a vault that was retired is heard of by this: else a silent one would be made to speak without a report.
  db.prepare(
    "UPDATE vaults SET retired_ms = NULL, retired_day = NULL, heard_day = ? WHERE id = ? AND retired_ms IS NOT NULL",
  ).run(runningDays(store), vault);
}

/**
 * Retires a vault: it blocks nothing any more, and what it holds needs its versions only until the quarantine is over, which
 * counts the days on which the key side runs. One that is retired already stays so from then on. To be called inside a
 * transaction.
 *
 * @throws {LockstepError} NAME_UNKNOWN
 */
export function retireVault(store: KeyStore, id: string): KnownVault {
  store.db
    .prepare("UPDATE vaults SET retired_ms = ?, retired_day = ? WHERE id = ? AND retired_ms IS NULL")
    .run(store.deps.now().epochMilliseconds, runningDays(store), id);
  return loadVault(store, id);
}

/**
 * Frees what retired vaults hold, where their quarantine is over. To be called inside a transaction, when a day was counted on
 * which the key side runs.
 *
 * @returns  how many points were freed
 */
export function freeRetiredVaults(store: KeyStore): number {
  const over = runningDays(store) - QUARANTINE_DAYS;
  const retired = "vault IN (SELECT id FROM vaults WHERE retired_day <= ?)";
  // What they reported last is not what is stored any more, should one of them come back.
  prepared(store.db, `UPDATE machines SET report_digest = '' WHERE report_digest <> '' AND ${retired}`).run(over);
  const { changes } = prepared(store.db, `DELETE FROM points WHERE ${retired}`).run(over);
  return Number(changes);
}

/**
 * Refuses a backup identity that does not report for a vault; everybody else may pass.
 *
 * @throws {LockstepError} NAME_UNKNOWN: the vault is not known; NOT_ALLOWED: another identity reports for it, or it is retired
 */
export function requireReporter(store: KeyStore, caller: Caller, vaultId: string): void {
  if (caller.role !== "backup") return;
  const row = prepared(store.db, "SELECT name, reporter, retired_ms FROM vaults WHERE id = ?").get(vaultId);
  if (row === undefined) throw unknownVault(vaultId);
  const name = String(row["name"]);
  if (row["reporter"] !== caller.identity) {
    throw new LockstepError("NOT_ALLOWED", `acting for the vault ${name}: ${caller.name} does not report for it`, {
      hint: "A custodian says who does: `lockstep vault enrol --reporter NAME`.",
    });
  }
  if (row["retired_ms"] !== null) {
    throw new LockstepError("NOT_ALLOWED", `acting for the vault ${name}: a custodian has retired it`, {
      hint: "`lockstep vault enrol` takes that back.",
    });
  }
}

function unknownVault(id: string): LockstepError {
  return new LockstepError("NAME_UNKNOWN", `the key store does not know the vault ${id}`, {
    hint: "A custodian makes it known: `lockstep vault enrol`; `lockstep vault list` shows all.",
  });
}

function reporterNamed({ db, deps }: KeyStore, name: string): IdentityId {
  const row = db
    .prepare(
      `SELECT id FROM identities WHERE name = ? AND role = 'backup' AND revoked_ms IS NULL AND coalesce(expires_ms > ?, 1)`,
    )
    .get(name, deps.now().epochMilliseconds);
  if (row !== undefined) return String(row["id"]) as IdentityId;
  throw new LockstepError("NAME_UNKNOWN", `enrolling a vault: there is no backup identity ${name} in use`, {
    hint: "`lockstep identity list` shows all; `lockstep identity add --role backup` makes one.",
  });
}

function vaultOf(row: Readonly<Record<string, unknown>>): KnownVault {
  const number = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  const [retiredMs, retiredDay] = [number("retired_ms"), number("retired_day")];
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    rootCommitment: row["root_commitment"] as Uint8Array,
    reporter: String(row["reporter"]) as IdentityId,
    reporterName: String(row["reporter_name"]),
    enrolledMs: Number(row["enrolled_ms"]),
    lastReportMs: number("last_report_ms"),
    retired: retiredMs === null || retiredDay === null ? null : { ms: retiredMs, day: retiredDay },
    machines: Number(row["machines"]),
    points: Number(row["points"]),
  };
}
