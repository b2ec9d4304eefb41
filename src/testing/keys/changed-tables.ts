import type { DatabaseSync } from "node:sqlite";

import { isTableAsWritten, summedTables } from "#keys/store/row-sums.ts";

/** Tables whose rows are not those that the program wrote. */
export function changedTables(db: DatabaseSync): readonly string[] {
  return summedTables(db)
    .filter((table) => !isTableAsWritten(db, table))
    .map(({ name }) => name);
}
