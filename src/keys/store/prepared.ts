import type { DatabaseSync, StatementSync } from "node:sqlite";

const all = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

/**
 * A statement, prepared once for a database and kept as long as that: for what is asked again and again, since preparing takes
 * longer than asking.
 *
 * @param sql  one of a few fixed texts; each is kept. Not to be stepped through by `iterate`: whoever asks for the same shares it
 */
export function prepared(db: DatabaseSync, sql: string): StatementSync {
  const known = all.get(db) ?? new Map<string, StatementSync>();
  all.set(db, known);
  const statement = known.get(sql) ?? db.prepare(sql);
  known.set(sql, statement);
  return statement;
}
