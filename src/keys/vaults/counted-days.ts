import type { KeyStore } from "#keys/key-store.ts";
import { prepared } from "#keys/store/prepared.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * So long a counted day is over before the next one counts, by what no clock's setting moves: else a clock that is set again and again
 * would let 44 days pass in a minute. Half a day, since backups do not come at the same hour.
 */
const LEAST_APART_MS = DAY_MS / 2;

type Counted = { readonly number: number; readonly steadyMs: number };

/** The last day that this process counted of each vault. A restart forgets it, and so lets one day count. */
const lastCounted = new WeakMap<KeyStore, Map<string, Counted>>();

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
 * Each day of the clock counts once for a vault, wherever the clock goes, and never for a machine that counted a later one; and none
 * within half a day of another, however often the clock is set: so one that leaps adds a day at the most, and none by going back and forth.
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

function countDay(store: KeyStore, vault: string): { readonly number: number; readonly isNew: boolean } {
  const { db, deps } = store;
  const day = Math.floor(deps.now().epochMilliseconds / DAY_MS);
  const known = prepared(db, "SELECT number FROM days WHERE vault = ? AND day = ?").get(vault, day);
  if (known !== undefined) return { number: Number(known["number"]), isNew: false };
  const last = Number(
    prepared(db, "SELECT max(number) AS number FROM days WHERE vault = ?").get(vault)?.["number"] ?? 0,
  );
  if (isTooSoon(store, vault, last)) return { number: last, isNew: false };
  const number = last + 1;
  prepared(db, "INSERT INTO days VALUES (?, ?, ?)").run(vault, day, number);
  noteCounted(store, vault, { number, steadyMs: deps.steadyMs() });
  return { number, isNew: true };
}

/** @param last  the vault's newest day; another than was noted is of a transaction that was taken back */
function isTooSoon(store: KeyStore, vault: string, last: number): boolean {
  const counted = lastCounted.get(store)?.get(vault);
  return counted?.number === last && store.deps.steadyMs() - counted.steadyMs < LEAST_APART_MS;
}

function noteCounted(store: KeyStore, vault: string, counted: Counted): void {
  const byVault = lastCounted.get(store) ?? new Map<string, Counted>();
  lastCounted.set(store, byVault.set(vault, counted));
}
