import type { DatabaseSync, SQLInputValue } from "node:sqlite";

/** A row's primary key, as JSON has it: an array of the key's columns. */
export type RowKey = string;

/** A table of the database as copies hold it. */
export type CopiedTable = {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns of its primary key, in their order. */
  readonly key: readonly string[];
};

/** A row that was added, changed or removed. */
export type Change = { readonly table: string; readonly key: RowKey };

/**
 * Tables that no copy holds: what is made anew for the machine that a store is recovered on, what would describe the copies
 * themselves, and acts that nobody can finish any more.
 */
const uncopied: ReadonlySet<string> = new Set([
  "store",
  "seals",
  "wrapping_keys",
  "copies",
  "place_states",
  "changes",
  "approvals",
  "row_sums",
]);

/** Tables that only grow, by `seq`: they need no note of each row, and are no reason for a copy. */
export const appendedTables: ReadonlySet<string> = new Set(["audit", "audit_heads"]);

/**
 * What vaults report anew, and what proofs show anew: with many machines it changes all the time, and is no reason to write a copy
 * at once.
 */
const renewed: ReadonlySet<string> = new Set([
  "machines",
  "points",
  "point_volumes",
  "point_guesses",
  "headers",
  "header_protectors",
  "days",
  "tries",
  "proofs",
  "read_volumes",
  "alarms",
]);

/** All tables that copies hold. */
export function copiedTables(db: DatabaseSync): readonly CopiedTable[] {
  return db
    .prepare(
      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !uncopied.has(name))
    .map((name) => {
      const columns = db.prepare("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid").all(name);
      const key = columns.filter(({ pk }) => pk !== 0).toSorted((a, b) => Number(a["pk"]) - Number(b["pk"]));
      const nameOf = (column: Readonly<Record<string, unknown>>): string => String(column["name"]);
      return { name, columns: columns.map(nameOf), key: key.map(nameOf) };
    });
}

/**
 * Notes each row that this connection adds, changes or removes from now on, in the table `changes`: within the same
 * transaction, so that what counts is noted, and nothing else.
 */
export function watchChanges(db: DatabaseSync): void {
  for (const { name, key } of copiedTables(db)) {
    if (appendedTables.has(name)) continue;
    for (const [act, row] of [
      ["INSERT", "new"],
      ["UPDATE", "new"],
      ["DELETE", "old"],
    ] as const) {
      const isUrgent = !renewed.has(name) && !(name === "vaults" && act === "UPDATE"); // each report updates its vault
      const values = key.map((column) => `${row}."${column}"`).join(", ");
      db.exec(`CREATE TEMP TRIGGER "note ${act} ${name}" AFTER ${act} ON main."${name}" BEGIN
        INSERT INTO changes (table_name, row_key, urgent)
          VALUES ('${name}', json_array(${values}), ${isUrgent ? 1 : 0}); END`);
    }
  }
}

/** The number of the newest change; 0 where there was none. */
export function newestChange(db: DatabaseSync): number {
  const row = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").get();
  return Number(row?.["seq"] ?? 0);
}

/** Whether there is a change after a change that needs a copy at once. */
export function hasUrgentAfter(db: DatabaseSync, after: number): boolean {
  return db.prepare("SELECT 1 FROM changes WHERE urgent = 1 AND seq > ? LIMIT 1").get(after) !== undefined;
}

/** Rows that changed after a change, each once. */
export function changesAfter(db: DatabaseSync, after: number): readonly Change[] {
  return db
    .prepare("SELECT DISTINCT table_name, row_key FROM changes WHERE seq > ?")
    .all(after)
    .map((row) => ({ table: String(row["table_name"]), key: String(row["row_key"]) }));
}

/** Whether a row changed after a change. */
export function hasChangedAfter(db: DatabaseSync, after: number, { table, key }: Change): boolean {
  const found = db.prepare("SELECT 1 FROM changes WHERE seq > ? AND table_name = ? AND row_key = ?");
  return found.get(after, table, key) !== undefined;
}

/** Forgets changes that no copy will need to hold again. */
export function forgetChanges(db: DatabaseSync, upto: number): void {
  db.prepare("DELETE FROM changes WHERE seq <= ?").run(upto);
}

/** The key of a row whose primary key is one column. */
export function rowKey(value: SQLInputValue): RowKey {
  return JSON.stringify([value]);
}
