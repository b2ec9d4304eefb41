import type { SQLInputValue } from "node:sqlite";
import { setImmediate } from "node:timers/promises";

import { isLockstepError } from "#errors/errors.ts";
import type { CopyRow, CopyValue } from "#keys/copies/copy-format.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { wrappedTables } from "#keys/seal/wrapped-tables.ts";
import { appendedTables, changesAfter, copiedTables } from "#keys/store/changes.ts";
import type { CopiedTable } from "#keys/store/changes.ts";
import type { VersionId } from "#keys/store/model.ts";
import { noteDamaged } from "#keys/versions/damage.ts";

type Row = Readonly<Record<string, unknown>>;

/** Rows that are read at once: it takes a few milliseconds, and others get their turn after it. */
const BATCH = 200;

/**
 * All rows that a full copy holds. Others may change them meanwhile: what `rowsAfter` gives from the change on that was the newest
 * before this, put after it, makes it whole.
 */
export async function* allRows(store: KeyStore): AsyncIterable<CopyRow> {
  for (const table of copiedTables(store.db)) {
    const key = table.key.map((column) => `"${column}"`).join(", ");
    const from = store.db.prepare(`SELECT * FROM "${table.name}" ORDER BY ${key} LIMIT ${BATCH}`);
    const marks = table.key.map(() => "?").join(", ");
    const after = store.db.prepare(
      `SELECT * FROM "${table.name}" WHERE (${key}) > (${marks}) ORDER BY ${key} LIMIT ${BATCH}`,
    );
    for (let rows = from.all(); rows.length > 0;) {
      for (const row of rows) yield copied(store, table, row);
      await setImmediate();
      rows = after.all(...table.key.map((column) => rows.at(-1)?.[column] ?? null));
    }
  }
}

/** What changed after a change, and what the audit log got after an entry. */
export function* rowsAfter(store: KeyStore, after: number, auditAfter: number): Iterable<CopyRow> {
  const tables = new Map(copiedTables(store.db).map((table) => [table.name, table]));
  for (const { table: name, key } of changesAfter(store.db, after)) {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`a change of ${name} was noted, which no copy holds`);
    const values = JSON.parse(key) as (string | number)[];
    const where = table.key.map((column) => `"${column}" = ?`).join(" AND ");
    const row = store.db.prepare(`SELECT * FROM "${name}" WHERE ${where}`).get(...(values as SQLInputValue[]));
    yield row === undefined ? { table: name, gone: values } : copied(store, table, row);
  }
  for (const name of appendedTables) {
    const table = tables.get(name);
    if (table === undefined) continue;
    // The signed head of an entry may come after it.
    const rows = store.db.prepare(`SELECT * FROM "${name}" WHERE seq > ? - (? = 'audit_heads')`);
    for (const row of rows.iterate(auditAfter, name)) yield copied(store, table, row);
  }
}

/**
 * A row with its value unwrapped, and without the wrapping key's number. A version whose value is damaged is copied without it, and says so;
 * that is noted.
 *
 * @throws {LockstepError} KEY_STORE_CORRUPT: a secret of the store's own is damaged, without which no copy would be one
 */
function copied(store: KeyStore, { name, columns }: CopiedTable, row: Row): CopyRow {
  const wrapped = wrappedTables.find(({ table }) => table === name);
  if (wrapped === undefined) return { table: name, row: valuesOf(columns, row) };
  const values = valuesOf(
    columns.filter((column) => column !== "wrapping"),
    row,
  );
  if (row["value"] === null) return { table: name, row: values };
  const value = { wrapping: Number(row["wrapping"]), value: row["value"] as Uint8Array };
  try {
    return { table: name, row: { ...values, value: store.ring.unwrap(wrapped.wrappedAs(row), value).bytes } };
  } catch (error) {
    if (name !== "versions" || !isLockstepError(error, "KEY_STORE_CORRUPT")) throw error;
    noteDamaged(store, String(row["id"]) as VersionId, wrapped.shown(store, row));
    const damagedMs = values["damaged_ms"] ?? store.deps.now().epochMilliseconds;
    return { table: name, row: { ...values, value: null, damaged_ms: damagedMs } };
  }
}

function valuesOf(columns: readonly string[], row: Row): Record<string, CopyValue> {
  return Object.fromEntries(columns.map((column) => [column, row[column] as CopyValue]));
}
