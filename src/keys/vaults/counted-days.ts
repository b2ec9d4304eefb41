import type { KeyStore } from "#keys/key-store.ts";
import { prepared } from "#keys/store/prepared.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** What the key side's own days are counted under. */
const KEY_SIDE = "";

/** How many days were counted on which the key side ran. */
export function runningDays({ db }: KeyStore): number {
  const row = prepared(db, "SELECT max(number) AS number FROM days WHERE vault = ?").get(KEY_SIDE);
  return Number(row?.["number"] ?? 0);
}

/** Counts today as one on which the key side runs. To be called inside a transaction. @returns whether it was not counted yet */
export function countRunningDay(store: KeyStore): boolean {
  return countDay(store, KEY_SIDE).isNew;
}

/**
 * Counts today as one on which a report of a machine came. To be called inside a transaction; the machine is stored.
 *
 * Each day of the clock counts once for a vault, wherever the clock goes, and never for a machine that counted a later one: so
 * a clock that leaps adds one day with each leap, and none by going back and forth.
 *
 * @returns  how many days are counted for the machine
 */
export function countReportDay(store: KeyStore, vault: string, machine: string): number {
  const { number } = countDay(store, vault);
  const row = prepared(
    store.db,
    `UPDATE machines SET days = days + (?1 > newest_vault_day), newest_vault_day = max(?1, newest_vault_day)
       WHERE vault = ?2 AND machine = ?3 RETURNING days`,
  ).get(number, vault, machine);
  return Number(row?.["days"]);
}

function countDay({ db, deps }: KeyStore, vault: string): { readonly number: number; readonly isNew: boolean } {
  const day = Math.floor(deps.now().epochMilliseconds / DAY_MS);
  const added = prepared(
    db,
    `INSERT INTO days VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM days WHERE vault = ?1))
       ON CONFLICT (vault, day) DO NOTHING RETURNING number`,
  ).get(vault, day);
  if (added !== undefined) return { number: Number(added["number"]), isNew: true };
  const known = prepared(db, "SELECT number FROM days WHERE vault = ? AND day = ?").get(vault, day);
  return { number: Number(known?.["number"]), isNew: false };
}
