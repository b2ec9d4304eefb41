import type { DatabaseSync } from "node:sqlite";

import { sha256Text } from "#crypto/derive.ts";

/**
 * Tables without a sum: the audit log is chained by itself, statements on proofs are signed, and nothing is decided by the others or by what
 * they are about.
 */
const unsummed: ReadonlySet<string> = new Set([
  "audit",
  "audit_heads",
  "proofs",
  "read_volumes",
  "place_states",
  "changes",
  "row_sums",
]);

/** Columns without a sum: values are authenticated by themselves, and one that is damaged can be put right. */
const unsummedColumns: ReadonlySet<string> = new Set(["versions.value", "versions.wrapping", "versions.damaged_ms"]);

export type SummedTable = { readonly name: string; readonly columns: readonly string[] };
type RowSum = { readonly count: number; readonly sum: bigint };

/** Adds up all rows as they are now, and takes that for right. For a database whose tables were just made or changed. */
export function fillRowSums(db: DatabaseSync): void {
  db.exec("DELETE FROM row_sums");
  const insert = db.prepare("INSERT INTO row_sums VALUES (?, ?, ?)");
  for (const table of summedTables(db)) {
    const { count, sum } = sumOf(db, table);
    insert.run(table.name, count, textOf(sum));
  }
}

/** Keeps the sums in step with all that this connection changes from now on, within the same transaction. */
export function keepRowSums(db: DatabaseSync): void {
  // Of texts: of each BLOB, node:sqlite would make an ArrayBuffer.
  db.function("row_sum", (before, row) => textOf(numberOf(before) ^ hashOf(String(row))));
  for (const { name, columns } of summedTables(db)) {
    const [before, after] = [rowText(columns, "old."), rowText(columns, "new.")];
    for (const [act, count, sum] of [
      ["INSERT", "row_count + 1", `row_sum(sum, ${after})`],
      ["UPDATE", "row_count", `row_sum(row_sum(sum, ${before}), ${after})`],
      ["DELETE", "row_count - 1", `row_sum(sum, ${before})`],
    ] as const) {
      db.exec(`CREATE TEMP TRIGGER "sum ${act} ${name}" AFTER ${act} ON main."${name}" BEGIN
        UPDATE row_sums SET row_count = ${count}, sum = ${sum} WHERE table_name = '${name}'; END`);
    }
  }
}

/** Whether a table's rows are those that this program wrote. Reads all of them. */
export function isTableAsWritten(db: DatabaseSync, table: SummedTable): boolean {
  const kept = db.prepare("SELECT row_count, sum FROM row_sums WHERE table_name = ?").get(table.name);
  const { count, sum } = sumOf(db, table);
  return kept?.["row_count"] === count && kept["sum"] === textOf(sum);
}

/** The tables that have a sum. */
export function summedTables(db: DatabaseSync): readonly SummedTable[] {
  return db
    .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !unsummed.has(name))
    .map((name) => ({ name, columns: summedColumns(db, name) }));
}

function summedColumns(db: DatabaseSync, table: string): readonly string[] {
  return db
    .prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid")
    .all(table)
    .map(({ name }) => String(name))
    .filter((column) => !unsummedColumns.has(`${table}.${column}`));
}

function sumOf(db: DatabaseSync, { name, columns }: SummedTable): RowSum {
  let count = 0;
  let sum = 0n;
  // An index may have another copy of a column: what counts is the table itself.
  for (const { row } of db.prepare(`SELECT ${rowText(columns, "")} AS row FROM "${name}" NOT INDEXED`).iterate()) {
    count++;
    sum ^= hashOf(String(row));
  }
  return { count, sum };
}

/** SQL for a row as text: its values as SQL literals. */
function rowText(columns: readonly string[], of: "" | "old." | "new."): string {
  return columns.map((column) => `quote(${of}"${column}")`).join(" || ',' || ");
}

/** What a row adds to a sum by exclusive-or, and takes away by another. */
function hashOf(row: string): bigint {
  return numberOf(sha256Text(row));
}

function numberOf(text: unknown): bigint {
  return BigInt(`0x${String(text)}`);
}

/** As it is stored: 64 hexadecimal digits. */
function textOf(sum: bigint): string {
  return sum.toString(16).padStart(64, "0");
}
