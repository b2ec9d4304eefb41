import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";

import { fromUtf8 } from "#bytes/text.ts";
import { deleteVersions } from "#keys/custody/delete-versions.ts";
import { destroyVersions } from "#keys/custody/destroy-versions.ts";
import { KeyStore } from "#keys/key-store.ts";
import type { KeyStoreDeps } from "#keys/key-store.ts";
import { rekey } from "#keys/seal/rekey.ts";
import { wrappedTables } from "#keys/seal/wrapped-tables.ts";
import { itself } from "#keys/store/model.ts";
import { findVersion, loadVersions, versionName, versionValue } from "#keys/versions/versions.ts";
import { addTestVersion, fileSecret, keyStoreDeps, testKeyStore } from "#testing/keys/key-store.ts";

const { signal } = new AbortController();
const what = { act: "store.rekey", subject: "store" };

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-rekey-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function valueOf(store: KeyStore, name: string): string {
  using value = versionValue(store, findVersion(store, name));
  return fromUtf8(value.bytes);
}

/** Every value that is kept, by its version's name. */
function valuesOf(store: KeyStore): Record<string, string> {
  const kept = loadVersions(store, null).filter(({ destroyedMs }) => destroyedMs === null);
  return Object.fromEntries(kept.map((version) => [versionName(version), valueOf(store, versionName(version))]));
}

function wrappingKeys({ db }: KeyStore): readonly number[] {
  return db
    .prepare("SELECT number FROM wrapping_keys ORDER BY number")
    .all()
    .map(({ number }) => Number(number));
}

/** How many values each wrapping key wraps. */
function wrappedBy({ db }: KeyStore): Record<string, number> {
  const rows = db
    .prepare("SELECT wrapping, count(*) AS n FROM versions WHERE value IS NOT NULL GROUP BY wrapping")
    .all();
  return Object.fromEntries(rows.map(({ wrapping, n }) => [String(wrapping), Number(n)]));
}

function copyDatabase(from: string, to: string): void {
  copyFileSync(from, to);
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
}

test("every table with something wrapped is known to the rollover", async () => {
  using store = await testKeyStore();
  const tables = store.db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map(({ name }) => String(name))
    .filter((name) => store.db.prepare(`SELECT 1 FROM pragma_table_info('${name}') WHERE name = 'wrapping'`).get());
  assert.deepEqual(tables.toSorted(), wrappedTables.map(({ table }) => table).toSorted());
});

test("after a rollover all values are as they were, and the old keys are gone", async (t) => {
  const path = join(newFolder(t), "store.db");
  const deps = keyStoreDeps();
  {
    using store = await testKeyStore(path, deps);
    for (const text of ["one", "two", "three"]) addTestVersion(store, "web01", text);
    const before = valuesOf(store);
    const publicKey = store.facts().signingPublic;
    assert.deepEqual(await rekey(store, itself, what, store.seals()), { values: 4, damaged: [], notErased: null });
    assert.deepEqual(valuesOf(store), before);
    assert.deepEqual(wrappingKeys(store), [2]);
    assert.equal(store.facts().rootNumber, 2);
    assert.deepEqual(store.facts().signingPublic, publicKey);
    addTestVersion(store, "web01", "four");
  }
  using store = KeyStore.open(path, deps);
  await store.unseal(fileSecret(), signal);
  assert.deepEqual(Object.values(valuesOf(store)), ["one", "two", "three", "four"]);
  assert.deepEqual(wrappedBy(store), { 2: 4 });
});

test("while it goes on, every value can be read, and new ones are stored", async () => {
  using store = await testKeyStore();
  for (let n = 0; n < 1100; n++) addTestVersion(store, `key${n}`, `value ${n}`);
  let turns = 0;
  const state = { done: false };
  const rollover = rekey(store, itself, what, store.seals()).finally(() => (state.done = true));
  while (!state.done) {
    for (const n of [0, 499, 500, 777, 1099]) assert.equal(valueOf(store, `key${n}/v1`), `value ${n}`);
    addTestVersion(store, "late", `late ${turns++}`);
    await setImmediate();
  }
  await rollover;
  assert.ok(turns >= 3, `${turns} turns`);
  assert.equal(valueOf(store, `late/v${turns}`), `late ${turns - 1}`);
  assert.deepEqual(wrappingKeys(store), [2]);
  assert.deepEqual(wrappedBy(store), { 2: 1100 + turns });
});

test("it may be cut short anywhere, by an error or by the power: all is readable, and opening goes on", async (t) => {
  const folder = newFolder(t);
  for (let fail = 1, done = false; !done; fail++) {
    const path = join(folder, `${fail}.db`);
    const copy = join(folder, `${fail}-copy.db`);
    const base = keyStoreDeps();
    const hooks = { calls: 0, armed: false };
    /** At the call that is to fail, the files are as a power cut would leave them. */
    const step = (): void => {
      if (!hooks.armed || ++hooks.calls !== fail) return;
      copyDatabase(path, copy);
      throw new Error("cut short");
    };
    const deps: KeyStoreDeps = {
      ...base,
      now: () => (step(), base.now()),
      random: (length) => (step(), base.random(length)),
    };
    {
      using store = await testKeyStore(path, deps);
      for (const text of ["one", "two", "three"]) addTestVersion(store, "web01", text);
      const before = valuesOf(store);
      hooks.armed = true;
      try {
        await rekey(store, itself, what, store.seals());
        done = true;
      } catch (error) {
        assert.match(String(error), /cut short/);
      }
      hooks.armed = false;
      assert.deepEqual(valuesOf(store), before);
      await rekey(store, itself, what, store.seals());
      assert.deepEqual(valuesOf(store), before);
      assert.equal(wrappingKeys(store).length, 1);
    }
    if (done) {
      assert.ok(fail > 8, `only ${fail} steps were seen`);
      break;
    }
    using store = KeyStore.open(copy, base);
    await store.unseal(fileSecret(), signal);
    assert.deepEqual(Object.values(valuesOf(store)), ["one", "two", "three"], `cut short at step ${fail}`);
    assert.equal(wrappingKeys(store).length, 1, `cut short at step ${fail}`);
  }
});

/** Lets no value be written, as a disk does that is full. @returns what makes room again */
function fillDisk({ db }: KeyStore): () => void {
  db.exec(`CREATE TABLE filler (bytes);
    CREATE TEMP TRIGGER full BEFORE UPDATE OF value ON main.versions BEGIN INSERT INTO filler VALUES (zeroblob(1000000)); END;`);
  const pages = Number(db.prepare("PRAGMA page_count").get()?.["page_count"]);
  db.exec(`PRAGMA max_page_count = ${pages}`);
  return () => db.exec("DROP TRIGGER temp.full");
}

test("cut short by a full disk, it keeps the store from nothing: it opens, and all is readable", async () => {
  using store = await testKeyStore();
  for (const text of ["one", "two", "three"]) addTestVersion(store, "web01", text);
  const before = valuesOf(store);
  const makeRoom = fillDisk(store);
  await assert.rejects(rekey(store, itself, what, store.seals()), { code: "STORE_FULL" });
  store.seal();
  await store.unseal(fileSecret(), signal);
  assert.deepEqual(valuesOf(store), before);
  assert.deepEqual(wrappedBy(store), { 1: 3 });
  makeRoom();
  store.seal();
  await store.unseal(fileSecret(), signal);
  assert.deepEqual(wrappedBy(store), { 2: 3 });
});

test("sealed in the middle, it stops, and the next opening brings it to its end", async () => {
  using store = await testKeyStore();
  for (let n = 0; n < 1100; n++) addTestVersion(store, `key${n}`, `value ${n}`);
  const rollover = rekey(store, itself, what, store.seals());
  store.seal();
  await assert.rejects(rollover, { code: "KEY_STORE_SEALED" });
  assert.deepEqual(wrappingKeys(store), [1, 2]);
  await store.unseal(fileSecret(), signal);
  assert.deepEqual(wrappingKeys(store), [2]);
  assert.equal(Object.keys(valuesOf(store)).length, 1100);
});

test("a damaged value is named and stays as it was; all others go on", async () => {
  using store = await testKeyStore();
  for (const text of ["one", "two", "three"]) addTestVersion(store, "web01", text);
  store.db.exec("UPDATE versions SET value = zeroblob(40) WHERE number = 2");
  assert.deepEqual(await rekey(store, itself, what, store.seals()), {
    values: 3,
    damaged: ["web01/v2"],
    notErased: null,
  });
  assert.deepEqual(wrappingKeys(store), [1, 2]);
  assert.deepEqual(wrappedBy(store), { 1: 1, 2: 2 });
  store.seal();
  await store.unseal(fileSecret(), signal);
  assert.deepEqual([valueOf(store, "web01/v1"), valueOf(store, "web01/v3")], ["one", "three"]);
  assert.throws(() => valueOf(store, "web01/v2"), { code: "KEY_STORE_CORRUPT" });
});

test("after a purge and a rollover, no byte of an old wrapped value is in the database or its log", async (t) => {
  const path = join(newFolder(t), "store.db");
  using store = await testKeyStore(path);
  for (let n = 0; n < 300; n++) addTestVersion(store, `key${n % 40}`, "a value ".repeat(1 + ((n * 7) % 90)));
  const wrapped = store.db
    .prepare("SELECT value FROM versions UNION SELECT value FROM own_secrets UNION SELECT wrapped FROM wrapping_keys")
    .all()
    .map(({ value }) => value as Uint8Array);
  const found = (): number => {
    const files = [path, `${path}-wal`].map((file) => readFileSync(file));
    return wrapped.filter((value) => files.some((file) => file.includes(value.subarray(0, 24)))).length;
  };
  assert.equal(found(), wrapped.length);
  for (let n = 0; n < 20; n++) {
    deleteVersions(store, itself, `key${n}`);
    destroyVersions(store, itself, loadVersions(store, `key${n}`).map(versionName));
  }
  assert.equal(found(), wrapped.length - 20 * 8);
  await rekey(store, itself, what, store.seals());
  assert.equal(found(), 0);
});
