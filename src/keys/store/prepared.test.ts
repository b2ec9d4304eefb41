import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { prepared } from "#keys/store/prepared.ts";

test("a statement is prepared once for each database, and sees what changes there", () => {
  using one = new DatabaseSync(":memory:");
  using other = new DatabaseSync(":memory:");
  for (const db of [one, other]) db.exec("CREATE TABLE t (a INTEGER)");
  const sql = "SELECT * FROM t";
  assert.equal(prepared(one, sql), prepared(one, sql));
  assert.notEqual(prepared(one, sql), prepared(other, sql));
  assert.deepEqual(prepared(one, sql).all(), []);
  one.exec("ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'x'; INSERT INTO t (a) VALUES (1)");
  assert.deepEqual({ ...prepared(one, sql).get() }, { a: 1, b: "x" });
  assert.deepEqual(prepared(other, sql).all(), []);
});
