import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { prepared } from "#keys/store/prepared.ts";

/** The key side's settings: default, and the least and most that each may be. docs/key-side.md says what they mean. */
export const policySettings = {
  /** For how many days a proof counts; no older one is carried over. */
  proofIntervalDays: { default: 7, least: 1, most: 366 },
  /** Seconds of key derivation that proofs of one machine may take in a day. */
  proofSecondsPerDay: { default: 600, least: 1, most: 86_400 },
  /** How many proofs of one volume may find its content wrong in a day, until no more are tried. */
  proofFailuresPerDay: { default: 10, least: 1, most: 10_000 },
  /** How many rows one backup identity may add to the database in a day: points, volumes, statements, audit entries. */
  backupRowsPerDay: { default: 500_000, least: 1000, most: 1_000_000_000 },
} as const;

export type PolicyName = keyof typeof policySettings;
export type Policy = { readonly [Name in PolicyName]: number };

export const policyNames = Object.keys(policySettings) as readonly PolicyName[];

/** The settings that hold now. */
export function loadPolicy({ db }: KeyStore): Policy {
  const set = new Map(
    prepared(db, "SELECT name, value FROM policy")
      .all()
      .map((row) => [String(row["name"]), Number(row["value"])]),
  );
  const entries = policyNames.map((name) => [name, set.get(name) ?? policySettings[name].default]);
  return Object.fromEntries(entries) as Policy;
}

/** Changes settings. To be called inside a transaction. @throws {LockstepError} ARGUMENT_INVALID: a value is out of its range */
export function savePolicy({ db }: KeyStore, changes: Partial<Policy>): void {
  for (const name of policyNames) {
    const value = changes[name];
    if (value === undefined) continue;
    const { least, most } = policySettings[name];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new LockstepError(
        "ARGUMENT_INVALID",
        `${name} ${value}: a whole number from ${least} to ${most} is expected`,
      );
    }
    db.prepare(
      "INSERT INTO policy (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    ).run(name, value);
  }
}
