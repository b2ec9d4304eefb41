import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import fc from "fast-check";

import { foldCopies } from "#keys/copies/copy-fold.ts";
import type { FoldedRow } from "#keys/copies/copy-fold.ts";
import type { CopyRow, CopyValue } from "#keys/copies/copy-format.ts";
import { allRows, rowsAfter } from "#keys/copies/copy-rows.ts";
import type { FoundChain } from "#keys/copies/copy-search.ts";
import { removePlace } from "#keys/copies/places.ts";
import { copiedTables } from "#keys/store/changes.ts";
import { SCHEMA_VERSION, stagingDatabase } from "#keys/store/database.ts";
import { thawIfReported } from "#keys/vaults/thaw.ts";
import { findVersion, versionValue } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

async function chainOf(bench: CopyBench): Promise<FoundChain> {
  const { chain } = await bench.find("a");
  assert.ok(chain !== null);
  return chain;
}

/** A chain as a program of an older schema would have written it: without columns that it did not have. */
function ofOlder({ copies, signingKey }: FoundChain, schema: number): FoundChain {
  using db = stagingDatabase(schema);
  const columns = new Map(copiedTables(db).map((table) => [table.name, table.columns]));
  const older = (row: CopyRow): CopyRow => {
    if ("gone" in row) return row;
    const known = Object.entries(row.row).filter(([column]) => columns.get(row.table)?.includes(column) === true);
    return { table: row.table, row: Object.fromEntries(known) };
  };
  const [first, ...others] = copies.map((copy) => ({ ...copy, rows: copy.rows.map(older) }));
  return withSchema({ copies: [first ?? assert.fail(), ...others], signingKey }, schema);
}

/** The same copies, said to be of another schema. */
function withSchema({ copies, signingKey }: FoundChain, schema: number): FoundChain {
  const [first, ...others] = copies.map((copy) => ({ ...copy, header: { ...copy.header, schema } }));
  assert.ok(first !== undefined);
  return { copies: [first, ...others], signingKey };
}

/** The rows of a table, without the columns that `without` names. */
function rowsOf({ db }: { readonly db: CopyBench["store"]["db"] }, table: string, without: string): unknown[] {
  return db
    .prepare(`SELECT * FROM ${table} ORDER BY 1`)
    .all()
    .map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !without.includes(column))));
}

test("recovery gives back every row, and every value, in a later epoch, frozen, with no identity of before", async () => {
  using bench = await CopyBench.make("a", "b");
  bench.add("web01", "first");
  await bench.copy();
  bench.add("web01", "second");
  bench.add("gone", "destroyed");
  bench.change("INSERT INTO keys VALUES ('1', 'removed', 0, '{}')");
  await bench.copy();
  bench.change(
    "UPDATE versions SET value = NULL, wrapping = NULL, destroyed_ms = 0 WHERE key IN (SELECT id FROM keys WHERE name = 'gone')",
  );
  bench.change("DELETE FROM keys WHERE name = 'removed'");
  await bench.copy();
  const { chain, refused } = await bench.find("a");
  assert.ok(chain !== null);
  assert.deepEqual([refused, chain.copies.length], [[], 3]);
  using recovered = await bench.recover(chain);
  for (const [name, value] of [
    ["web01/v1", "first"],
    ["web01/v2", "second"],
  ] as const) {
    assert.equal(Buffer.from(versionValue(recovered, findVersion(recovered, name)).bytes).toString(), value);
  }
  assert.throws(() => versionValue(recovered, findVersion(recovered, "gone/v1")), { code: "VERSION_UNUSABLE" });
  const before = bench.store.facts();
  assert.deepEqual(
    { ...recovered.facts(), rootNumber: 1 },
    {
      ...before,
      epoch: 2,
      epochClaim: "c".repeat(32),
      frozen: "it was recovered, and not every vault has reported since",
      rootNumber: 1,
    },
  );
  assert.equal(recovered.db.prepare("SELECT 1 FROM identities WHERE revoked_ms IS NULL").get(), undefined);
  for (const table of ["keys", "versions", "places", "kits", "audit", "identities"]) {
    const without = table === "versions" ? "wrapping, value" : table === "identities" ? "revoked_ms" : "";
    assert.deepEqual(rowsOf(recovered, table, without), rowsOf(bench.store, table, without), table);
  }
  removePlace(recovered, "a");
});

test("copies of an older schema are brought up to date; those of a later one are refused", async () => {
  using bench = await CopyBench.make("a");
  bench.add("web01", "value");
  await bench.copy();
  const chain = await chainOf(bench);
  using recovered = await bench.recover(ofOlder(chain, SCHEMA_VERSION - 1));
  assert.equal(Buffer.from(versionValue(recovered, findVersion(recovered, "web01/v1")).bytes).toString(), "value");
  await assert.rejects(bench.recover(withSchema(chain, SCHEMA_VERSION + 1)), { code: "KEY_STORE_NEWER" });
});

test("copies without a signing key give no store", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  const { copies, signingKey } = await chainOf(bench);
  const [first] = copies;
  const rows = first.rows.filter(({ table }) => table !== "own_secrets");
  await assert.rejects(bench.recover({ copies: [{ ...first, rows }], signingKey }), { code: "COPY_REJECTED" });
});

test("a recovered store thaws once each vault that is not retired was heard in its epoch", async () => {
  using bench = await CopyBench.make("a");
  for (const [name, retired] of [
    ["one", null],
    ["two", null],
    ["three", 0],
  ] as const) {
    bench.change(
      `INSERT INTO vaults (id, name, root_commitment, reporter, enrolled_ms, heard_day, heard_epoch, retired_ms)
       VALUES (?1, ?1, x'00', (SELECT id FROM identities WHERE role = 'backup'), 0, 0, 1, ?2)`,
      name,
      retired,
    );
  }
  await bench.copy();
  using recovered = await bench.recover(await chainOf(bench));
  assert.equal(thawIfReported(recovered), false);
  recovered.db.exec("UPDATE vaults SET heard_epoch = 2 WHERE name = 'one'");
  assert.equal(thawIfReported(recovered), false);
  recovered.db.exec("UPDATE vaults SET heard_epoch = 2 WHERE name = 'two'");
  assert.equal(thawIfReported(recovered), true);
  assert.equal(recovered.facts().frozen, null);
  bench.change("UPDATE store SET frozen = 'it was recovered elsewhere'");
  assert.equal(thawIfReported(bench.store), false, "what another server's claim froze stays so");
});

test("whatever is done to the tables, a full copy and the increments after it give what is in them", async () => {
  const acts = fc.array(fc.tuple(fc.nat(4), fc.nat(5)), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { minLength: 1, maxLength: 5 }), async (batches) => {
      using bench = await CopyBench.make("a");
      const { db } = bench.store;
      const tables = copiedTables(db);
      const copies: { rows: CopyRow[] }[] = [{ rows: await Array.fromAsync(allRows(bench.store)) }];
      for (const batch of batches) {
        const [changes, audits] = [newest(bench, "changes"), newest(bench, "audit")];
        for (const [act, name] of batch) perform(bench, act, `key${name}`);
        copies.push({ rows: [...rowsAfter(bench.store, changes, audits)] });
      }
      const whole = foldCopies([{ rows: await Array.fromAsync(allRows(bench.store)) }], tables);
      assert.deepEqual(sorted(foldCopies(copies, tables)), sorted(whole));
    }),
    { numRuns: 12 },
  );
});

test("a full copy is whole although the store changes while it is made", async () => {
  using bench = await CopyBench.make("a");
  for (let at = 0; at < 500; at++) bench.add(`key${at}`);
  let isDone = false;
  const copying = bench.copy("full").finally(() => (isDone = true));
  for (let at = 0; !isDone; at++) {
    await setImmediate();
    if (at < 40) for (const act of [0, 1, 3]) perform(bench, act, `key${(at * 37 + act) % 500}`);
  }
  await copying;
  await bench.copy("all");
  const { copies } = await chainOf(bench);
  const { db } = bench.store;
  const tables = copiedTables(db).filter(({ name }) => name !== "audit");
  const whole = foldCopies([{ rows: await Array.fromAsync(allRows(bench.store)) }], tables);
  assert.deepEqual(sorted(foldCopies(copies, tables)), sorted(whole));
  using recovered = await bench.recover({ ...(await chainOf(bench)) });
  assert.equal(recovered.db.prepare("PRAGMA foreign_key_check").get(), undefined);
});

function newest({ store: { db } }: CopyBench, table: string): number {
  return Number(db.prepare(`SELECT max(seq) AS newest FROM ${table}`).get()?.["newest"] ?? 0);
}

/** Adds, changes, or removes things, of which some take others with them. */
function perform(bench: CopyBench, act: number, name: string): void {
  const { id = null } = bench.store.db.prepare("SELECT id FROM keys WHERE name = ?").get(name) ?? {};
  if (act === 0 || id === null) bench.add(name);
  else if (act === 1) bench.change("UPDATE versions SET note = note || 'x' WHERE key = ?", String(id));
  else if (act === 2) bench.change("UPDATE versions SET retired_ms = created_ms + 1 WHERE key = ?", String(id));
  else if (act === 3) {
    bench.change("DELETE FROM retirements WHERE version IN (SELECT id FROM versions WHERE key = ?)", String(id));
    bench.change("DELETE FROM versions WHERE key = ?", String(id));
  } else bench.change("INSERT OR REPLACE INTO policy VALUES ('proofIntervalDays', length(?))", name);
}

function sorted(rows: ReturnType<typeof foldCopies>): unknown {
  const text = (row: FoldedRow): string =>
    JSON.stringify(
      Object.entries(row).map(([column, value]) => [column, value instanceof Uint8Array ? [...value] : value]),
    );
  return [...rows].map(([table, all]) => [table, all.map(text).toSorted()]);
}

test("a version that was damaged and then destroyed gets no value back from a copy of before", () => {
  const tables = [{ name: "versions", columns: [], key: ["id"] }];
  const rowOf = (more: Record<string, CopyValue>): { rows: CopyRow[] } => ({
    rows: [{ table: "versions", row: { id: "1", value: null, damaged_ms: 5, destroyed_ms: null, ...more } }],
  });
  const before = rowOf({ value: Uint8Array.of(1), damaged_ms: null });
  const valueAfter = (destroyedMs: number | null): unknown =>
    foldCopies([before, rowOf({ destroyed_ms: destroyedMs })], tables).get("versions")?.[0]?.["value"];
  assert.deepEqual([valueAfter(null), valueAfter(6)], [Uint8Array.of(1), null]);
});
