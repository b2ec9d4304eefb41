import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

import type { CopyRow, CopyValue, ParsedCopy } from "#keys/copies/copy-format.ts";
import { wrappedTables } from "#keys/seal/wrapped-tables.ts";
import { copiedTables } from "#keys/store/changes.ts";
import type { CopiedTable } from "#keys/store/changes.ts";
import { bringUpToDate, stagingDatabase } from "#keys/store/database.ts";

export type FoldedRow = Readonly<Record<string, CopyValue>>;
export type FoldedRows = ReadonlyMap<string, readonly FoldedRow[]>;

/**
 * The rows that a full copy and the increments after it give, by table, as the schema of this program has them: those of an older
 * one are brought up to date as a database would be.
 */
export function currentRows(copies: readonly [ParsedCopy, ...ParsedCopy[]]): FoldedRows {
  const { schema } = copies[0].header;
  const db = stagingDatabase(schema);
  try {
    const tables = copiedTables(db);
    const insert = inserter(db);
    db.exec("BEGIN");
    for (const [table, rows] of foldCopies(copies, tables)) for (const row of rows) stage(insert, table, row);
    db.exec("COMMIT");
    bringUpToDate(db);
    return new Map(copiedTables(db).map(({ name }) => [name, staged(db, name)]));
  } finally {
    db.close();
  }
}

/**
 * The rows that a full copy and the increments after it give, by table.
 *
 * @param tables  all that a copy may hold, with their keys; rows of others are left out
 */
export function foldCopies(copies: readonly Pick<ParsedCopy, "rows">[], tables: readonly CopiedTable[]): FoldedRows {
  const folded = new Map(tables.map(({ name }) => [name, new Map<string, FoldedRow>()]));
  const keys = new Map(tables.map(({ name, key }) => [name, key]));
  const apply = (row: CopyRow): void => {
    const rows = folded.get(row.table);
    if (rows === undefined) return;
    if ("gone" in row) {
      rows.delete(JSON.stringify(row.gone));
      return;
    }
    const key = JSON.stringify((keys.get(row.table) ?? []).map((column) => row.row[column]));
    rows.set(key, withValueOf(rows.get(key), row.row));
  };
  for (const { rows } of copies) for (const row of rows) apply(row);
  return new Map([...folded].map(([name, rows]) => [name, [...rows.values()]]));
}

/** A row that was copied without its value, since that was damaged, with the value that a copy before had: a version's never changes. One that was destroyed has none. */
function withValueOf(before: FoldedRow | undefined, row: FoldedRow): FoldedRow {
  const isDestroyed = (row["destroyed_ms"] ?? null) !== null;
  const isWithout = (row["damaged_ms"] ?? null) !== null && !isDestroyed && row["value"] === null;
  const value = before?.["value"] ?? null;
  return isWithout && value !== null ? { ...row, value, damaged_ms: null } : row;
}

/** Puts a row into a table as a copy has it: a value that is not wrapped has no wrapping key. */
function stage(insert: Inserter, table: string, row: FoldedRow): void {
  const isWrapped = wrappedTables.some((each) => each.table === table);
  insert(table, isWrapped ? { ...row, wrapping: 0 } : row);
}

/** Adds a row to a table. */
export type Inserter = (table: string, row: Readonly<Record<string, unknown>>) => void;

/** Adds rows to the tables of a database; statements are prepared once. */
export function inserter(db: DatabaseSync): Inserter {
  const statements = new Map<string, StatementSync>();
  return (table, row) => {
    const columns = Object.keys(row);
    const names = columns.map((column) => `"${column}"`).join(", ");
    const sql = `INSERT INTO "${table}" (${names}) VALUES (${columns.map(() => "?").join(", ")})`;
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    statement.run(...columns.map((column) => row[column] as SQLInputValue));
  };
}

function staged(db: DatabaseSync, table: string): readonly FoldedRow[] {
  const isWrapped = wrappedTables.some((each) => each.table === table);
  return db
    .prepare(`SELECT * FROM "${table}"`)
    .all()
    .map((row) => {
      const values = Object.entries(row).filter(([column]) => !isWrapped || column !== "wrapping");
      return Object.fromEntries(values) as FoldedRow;
    });
}
