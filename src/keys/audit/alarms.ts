import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { Caller } from "#keys/store/model.ts";

/** That many points of a machine fell out of its reports at once, or are expected to go much sooner, and no custodian has said yet that he knows. */
export type Alarm = {
  /** 32 hex digits. */
  readonly id: string;
  readonly vault: string;
  readonly vaultName: string;
  readonly machine: string;
  readonly machineName: string;
  readonly raisedMs: number;
  /** How many are missing, of how many that there were. */
  readonly missing: number;
  readonly points: number;
};

/** Raises an alarm, or brings the machine's open one up to date. To be called inside a transaction. */
export function raiseAlarm(
  { db, deps }: KeyStore,
  { vault, machine, missing, points }: Pick<Alarm, "vault" | "machine" | "missing" | "points">,
): void {
  db.prepare(
    `INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)
     ON CONFLICT (vault, machine) WHERE acknowledged_ms IS NULL
     DO UPDATE SET missing = max(missing, excluded.missing), points = max(points, excluded.points)`,
  ).run(hex(deps.random(16)), vault, machine, deps.now().epochMilliseconds, missing, points);
}

/** Alarms that no custodian has acknowledged, the oldest first. */
export function openAlarms({ db }: KeyStore): readonly Alarm[] {
  return db
    .prepare(
      `SELECT alarms.*, vaults.name AS vault_name, machines.name AS machine_name FROM alarms
       JOIN vaults ON vaults.id = alarms.vault
       JOIN machines ON machines.vault = alarms.vault AND machines.machine = alarms.machine
       WHERE acknowledged_ms IS NULL ORDER BY raised_ms, alarms.id`,
    )
    .all()
    .map((row) => ({
      id: String(row["id"]),
      vault: String(row["vault"]),
      vaultName: String(row["vault_name"]),
      machine: String(row["machine"]),
      machineName: String(row["machine_name"]),
      raisedMs: Number(row["raised_ms"]),
      missing: Number(row["missing"]),
      points: Number(row["points"]),
    }));
}

/** To be called inside a transaction. @throws {LockstepError} NAME_UNKNOWN: there is none, or it was acknowledged before */
export function acknowledgeAlarm({ db, deps }: KeyStore, caller: Caller, id: string): void {
  const { changes } = db
    .prepare("UPDATE alarms SET acknowledged_ms = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_ms IS NULL")
    .run(deps.now().epochMilliseconds, caller.name, id);
  if (changes !== 0) return;
  throw new LockstepError("NAME_UNKNOWN", `acknowledging the alarm ${id}: there is no such alarm`, {
    hint: "`lockstep alarm list` shows those that wait for it.",
  });
}
