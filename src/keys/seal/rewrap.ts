import { setImmediate } from "node:timers/promises";

import { isLockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { wrappedTables } from "#keys/seal/wrapped-tables.ts";
import type { WrappedTable } from "#keys/seal/wrapped-tables.ts";
import { eraseFreed, inTransaction } from "#keys/store/database.ts";

/** Values in a transaction: it takes some milliseconds, and others get their turn after it. */
const BATCH = 500;

/** What a new wrapping key was brought to. */
export type Rewrapped = {
  readonly values: number;
  /** What could not be unwrapped and stays as it is, in people's words; the wrapping key of each stays too. */
  readonly damaged: readonly string[];
  /** Why what was replaced may still be in the database file or a copy beside it, in words: see `eraseFreed`. Null when it is not. */
  readonly notErased: string | null;
};

/**
 * Wraps by the current wrapping key whatever a retired one wraps, and removes those that wrap nothing any more. Each value is
 * readable at any time; where it is interrupted, doing it again goes on.
 *
 * @throws {LockstepError} KEY_STORE_SEALED: it was sealed meanwhile; and what `inTransaction` throws
 */
export async function rewrapValues(store: KeyStore): Promise<Rewrapped> {
  let values = 0;
  const damaged = new Set<string>();
  for (const number of retiredKeys(store)) {
    for (const table of wrappedTables) {
      // What was added to the table's end meanwhile has the new key; a purge meanwhile may number its rows anew, hence the second look.
      for (let found = 1; found > 0; values += found) found = await rewrapTable(store, table, number, damaged);
    }
  }
  return { values, damaged: [...damaged], notErased: removeUnused(store) };
}

function retiredKeys({ db }: KeyStore): readonly number[] {
  const rows = db.prepare("SELECT number FROM wrapping_keys WHERE retired_ms IS NOT NULL ORDER BY number").all();
  return rows.map(({ number }) => Number(number));
}

/** Goes through a table once. @returns how many values it wrapped anew */
async function rewrapTable(
  store: KeyStore,
  table: WrappedTable,
  number: number,
  damaged: Set<string>,
): Promise<number> {
  let values = 0;
  for (let after: number | null = -1; after !== null;) {
    const start: number = after;
    const batch: Batch = inTransaction(store.db, () => rewrapBatch(store, table, number, start));
    values += batch.values;
    for (const name of batch.damaged) damaged.add(name);
    after = batch.last;
    await setImmediate();
  }
  return values;
}

/** `last` is the row that was looked at last; null when there was none. */
type Batch = Omit<Rewrapped, "notErased"> & { readonly last: number | null };

function rewrapBatch(store: KeyStore, { table, wrappedAs, shown }: WrappedTable, number: number, after: number): Batch {
  const { db, deps, ring } = store;
  // In the order in which the file has them, so that each page is written once.
  const rows = db
    .prepare(`SELECT rowid AS row, * FROM ${table} WHERE wrapping = ? AND rowid > ? ORDER BY rowid LIMIT ${BATCH}`)
    .all(number, after);
  const update = db.prepare(`UPDATE ${table} SET wrapping = ?, value = ? WHERE rowid = ?`);
  const damaged: string[] = [];
  for (const row of rows) {
    const name = wrappedAs(row);
    try {
      using plain = ring.unwrap(name, { wrapping: number, value: row["value"] as Uint8Array });
      const { wrapping, value } = ring.wrap(name, plain, deps.random);
      update.run(wrapping, value, Number(row["row"]));
    } catch (error) {
      if (!isLockstepError(error, "KEY_STORE_CORRUPT")) throw error;
      damaged.push(shown(store, row));
    }
  }
  const last = rows.at(-1);
  return { values: rows.length - damaged.length, damaged, last: last === undefined ? null : Number(last["row"]) };
}

/** @returns as `eraseFreed`; null when there was nothing to remove */
function removeUnused({ db, ring }: KeyStore): string | null {
  const used = wrappedTables.map(({ table }) => `SELECT wrapping FROM ${table} WHERE wrapping IS NOT NULL`);
  const removed = inTransaction(db, () =>
    db
      .prepare(
        `DELETE FROM wrapping_keys WHERE retired_ms IS NOT NULL AND number NOT IN (${used.join(" UNION ")}) RETURNING number`,
      )
      .all(),
  );
  for (const { number } of removed) ring.drop(Number(number));
  return removed.length > 0 ? eraseFreed(db) : null;
}
