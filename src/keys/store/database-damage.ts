import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";

import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { databaseError } from "#keys/store/database-error.ts";
import { isSchemaAsMade } from "#keys/store/database.ts";
import { isTableAsWritten, summedTables } from "#keys/store/row-sums.ts";

/**
 * Refuses what must not rest on a damaged database, after reading all of it: about a second for each 100 MB.
 *
 * @param doing  such as `destroying web01/v1`
 * @throws {LockstepError} KEY_STORE_CORRUPT, with what is damaged
 */
export function refuseDamagedDatabase(db: DatabaseSync, doing: string): void {
  const damage = findDamage(db, doing);
  if (damage !== null) throw damage;
}

/**
 * Does the same, and lets others at the database after each table.
 *
 * @throws {LockstepError} KEY_STORE_CORRUPT, with what is damaged
 */
export async function refuseDamagedTables(db: DatabaseSync, doing: string): Promise<void> {
  const steps = damageSteps(db, doing);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) {
      if (step.value !== null) throw step.value;
      return;
    }
    await setImmediate();
  }
}

/**
 * What an unexpected failure means: that the database is damaged, where it is.
 *
 * @returns  `error` itself where it is one that was meant, or the database is well
 */
export function damageOr(db: DatabaseSync, doing: string, error: unknown): unknown {
  const known = databaseError(doing, error);
  if (isLockstepError(known)) return known;
  return findDamage(db, doing) ?? findChangedSchema(db, doing) ?? known;
}

/** Says it only where something failed already: another release of SQLite may write the text of a table otherwise, which harms nothing. */
function findChangedSchema(db: DatabaseSync, doing: string): LockstepError | null {
  return isSchemaAsMade(db) ? null : damaged(doing, "its tables, indexes or triggers were changed");
}

function findDamage(db: DatabaseSync, doing: string): LockstepError | null {
  const steps = damageSteps(db, doing);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value;
}

/** Looks at one thing after the other: each is whole in itself, whatever happens between them. */
function* damageSteps(db: DatabaseSync, doing: string): Generator<undefined, LockstepError | null> {
  try {
    for (const { name } of db.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'").all()) {
      const [first] = db.prepare(`PRAGMA integrity_check("${String(name)}")`).all();
      const found = String(first?.["integrity_check"]);
      if (found !== "ok") return damaged(doing, found);
      yield;
    }
    for (const table of summedTables(db)) {
      if (!isTableAsWritten(db, table)) return damaged(doing, `rows of ${table.name} were changed from without`);
      yield;
    }
    return null;
  } catch (error) {
    const known = databaseError(doing, error);
    return isLockstepError(known) ? known : damaged(doing, error instanceof Error ? error.message : String(error));
  }
}

function damaged(doing: string, found: string): LockstepError {
  return new LockstepError("KEY_STORE_CORRUPT", `${doing}: the key store's database is damaged: ${found}`, {
    hint: "Nothing is destroyed. Keep the file as it is, and bring the key store back from a copy: `lockstep recover`.",
  });
}
