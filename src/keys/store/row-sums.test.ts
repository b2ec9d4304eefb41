import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { inTransaction } from "#keys/store/database.ts";
import { keepRowSums } from "#keys/store/row-sums.ts";
import { changedTables } from "#testing/keys/changed-tables.ts";
import { NeedsWorld, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";

/** A key store whose tables of needs have rows. */
async function filled(): Promise<NeedsWorld> {
  const world = await NeedsWorld.make();
  const [volume, unopened] = [worldVolume("1", "slot 0"), worldVolume("2", "slot 0")];
  const [first, second] = [world.version("web01"), world.version("web01")];
  world.bind(first, volume, "slot 0");
  world.tried(second, unopened);
  world.report([worldPoint("p1", [volume, unopened]), worldPoint("p2", [volume])]);
  return world;
}

test("whatever the key store does, rows that go with others and are replaced among it, is in the sums", async () => {
  using world = await filled();
  const { db } = world.store;
  assert.deepEqual(changedTables(db), []);
  world.retireVersion(world.version("db01"));
  world.reportDays(60, [worldPoint("p3", [worldVolume("3", "slot 0")])]);
  assert.equal(db.prepare("SELECT count(*) AS count FROM points").get()?.["count"], 1, "two were forgotten");
  db.exec("INSERT OR REPLACE INTO policy VALUES ('proofIntervalDays', 3)");
  db.exec("INSERT OR REPLACE INTO policy VALUES ('proofIntervalDays', 4)");
  assert.deepEqual(changedTables(db), []);
});

test("what is taken back is taken out of the sums", async () => {
  using world = await filled();
  const { db } = world.store;
  const fails = (): void =>
    inTransaction(db, () => {
      db.exec("DELETE FROM bindings");
      throw new Error("no");
    });
  assert.throws(fails, /no/);
  assert.deepEqual(changedTables(db), []);
});

/** Changes that no statement of the key store made, by the table that they hit. */
const changes: readonly (readonly [table: string, sql: string])[] = [
  ["bindings", "UPDATE bindings SET protector = replace(protector, 'a', 'b')"],
  ["header_protectors", "DELETE FROM header_protectors"],
  ["headers", "UPDATE headers SET opened = 1 - opened"],
  ["keys", "UPDATE keys SET name = 'web02'"],
  ["machines", "UPDATE machines SET days = days + 64"],
  ["point_volumes", "UPDATE point_volumes SET missing_day = 0"],
  ["points", "UPDATE points SET missing_day = 0 WHERE name = 'p1'"],
  ["store", "UPDATE store SET frozen = NULL, epoch = 5"],
  ["tries", "INSERT INTO tries SELECT id, 'v', 'p' FROM versions WHERE number = 1"],
  ["vaults", "UPDATE vaults SET retired_day = 0"],
  ["versions", "UPDATE versions SET deleted_ms = 1 WHERE number = 1"],
];

for (const [table, sql] of changes) {
  test(`rows of ${table} that were changed from without are noticed, and stay so when they are written again`, async () => {
    using world = await filled();
    using other = new DatabaseSync(":memory:", { enableForeignKeyConstraints: false });
    other.deserialize(world.store.db.serialize());
    other.exec(sql);
    assert.ok(changedTables(other).includes(table), changedTables(other).join());
    keepRowSums(other);
    other.exec(sql.startsWith("UPDATE") ? sql : "UPDATE headers SET opened = opened");
    assert.ok(changedTables(other).includes(table), changedTables(other).join());
  });
}
