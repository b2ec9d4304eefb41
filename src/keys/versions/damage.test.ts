import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8 } from "#bytes/text.ts";
import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { COPY_TERM_MS } from "#keys/copies/copy-plan.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { damagedVersions } from "#keys/versions/damage.ts";
import { findVersion, loadVersion, versionValue, whyUnusable } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const TERM_DAYS = COPY_TERM_MS / (24 * 60 * 60 * 1000);

/** Changes a byte of a value in the database, where nothing notes it. */
function damage({ db }: KeyStore, { id }: Version): Uint8Array {
  const value = db.prepare("SELECT value FROM versions WHERE id = ?").get(id)?.["value"] as Uint8Array;
  const trigger = db.prepare("SELECT sql FROM temp.sqlite_schema WHERE name = 'note UPDATE versions'").get();
  db.exec('DROP TRIGGER temp."note UPDATE versions"');
  db.prepare("UPDATE versions SET value = ? WHERE id = ?").run(value.with(20, (value[20] ?? 0) ^ 1), id);
  db.exec(String(trigger?.["sql"]).replace("CREATE TRIGGER", "CREATE TEMP TRIGGER"));
  return value;
}

function valueIn(store: KeyStore, name: string): string {
  using value = versionValue(store, findVersion(store, name));
  return fromUtf8(value.bytes);
}

/** Entries of the audit log that say that something is damaged: of what. */
function noted({ db }: KeyStore): string[] {
  const rows = db.prepare("SELECT subject FROM audit WHERE act = 'version.damaged' ORDER BY seq").all();
  return rows.map(({ subject }) => String(subject));
}

for (const want of ["full", "all"] as const) {
  test(`a damaged value keeps nothing else from being copied (${want}); the copy lacks it and says so`, async () => {
    using bench = await CopyBench.make("a");
    const { store } = bench;
    const hurt = bench.add("web01", "lost");
    bench.add("db01", "kept");
    if (want === "all") {
      await bench.copy("full");
      bench.change("UPDATE versions SET note = 'touched' WHERE id = ?", hurt.id);
    }
    damage(store, hurt);
    bench.add("new", "added");
    const { written } = await bench.copy(want);
    assert.equal(written?.kind, want === "full" ? "full" : "increment");
    assert.deepEqual([damagedVersions(store), noted(store)], [["web01/v1"], ["web01/v1"]]);
    assert.equal((await bench.copy("due")).written, null, "the copy has all that there is");
    const { chain } = await bench.find("a");
    const rows = chain?.copies.at(-1)?.rows ?? [];
    const row = rows.findLast((each) => "row" in each && each.row["id"] === hurt.id);
    assert.ok(row !== undefined && "row" in row);
    assert.deepEqual([row.row["value"], row.row["damaged_ms"]], [null, store.deps.now().epochMilliseconds]);
    using recovered = await bench.recover(chain ?? assert.fail());
    assert.deepEqual([valueIn(recovered, "db01"), valueIn(recovered, "new")], ["kept", "added"]);
    if (want === "all") assert.equal(valueIn(recovered, "web01"), "lost", "an earlier copy of the chain had it");
    else {
      assert.throws(() => valueIn(recovered, "web01"), {
        code: "KEY_STORE_CORRUPT",
        message: /missing: it was damaged/,
      });
      assert.deepEqual(damagedVersions(recovered), ["web01/v1"]);
    }
  });
}

test("whoever meets a damaged value first notes it, once; it is used no more", async () => {
  using bench = await CopyBench.make("a");
  const { store } = bench;
  const hurt = bench.add("web01");
  damage(store, hurt);
  for (let time = 0; time < 3; time++) {
    assert.throws(() => versionValue(store, hurt), {
      code: "KEY_STORE_CORRUPT",
      message: "the value of web01/v1 was changed in the database, or is damaged",
    });
  }
  assert.deepEqual([damagedVersions(store), noted(store)], [["web01/v1"], ["web01/v1"]]);
  assert.match(whyUnusable(loadVersion(store, hurt.id), store.deps.now()) ?? "", /^its value is damaged/);
});

test("while a value is damaged no copy is deleted, and no date is promised for it", async () => {
  using bench = await CopyBench.make("a");
  const { store } = bench;
  const hurt = bench.add("web01");
  await bench.copy("full");
  const value = damage(store, hurt);
  await bench.copy("full");
  bench.pass(TERM_DAYS + 1);
  await bench.copy("full");
  await bench.copy();
  assert.equal((await bench.names("a")).length, 4, "three copies and a claim");
  assert.equal(copiesThatHold(store, hurt)[0]?.goneAtMs, null);
  bench.change("UPDATE versions SET damaged_ms = NULL WHERE id = ?", hurt.id);
  store.db.prepare("UPDATE versions SET value = ? WHERE id = ?").run(value, hurt.id);
  await bench.copy();
  assert.equal((await bench.names("a")).length, 3, "the two that are old are gone; an increment came");
  assert.notEqual(copiesThatHold(store, hurt)[0]?.goneAtMs, null);
});

test("a damaged secret of the store's own ends the copy: without it none could be recovered", async () => {
  using bench = await CopyBench.make("a");
  bench.store.db.exec("UPDATE own_secrets SET value = zeroblob(60)");
  await assert.rejects(bench.copy("full"), { code: "KEY_STORE_CORRUPT" });
  assert.deepEqual(damagedVersions(bench.store), []);
});
