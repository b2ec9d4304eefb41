import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { SCHEMA_VERSION, eraseFreed, inTransaction, openDatabase } from "#keys/store/database.ts";
import { changedTables } from "#testing/keys/changed-tables.ts";

const schemaFolder = join(import.meta.dirname, "schema");
const steps = readdirSync(schemaFolder)
  .filter((file) => file.endsWith(".sql"))
  .toSorted()
  .map((file) => readFileSync(join(schemaFolder, file), "utf8"));

function newPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-keys-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "keys", "store.db");
}

function schemaOf(db: DatabaseSync): string {
  return db
    .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
    .all()
    .map(
      ({ sql }) =>
        `${String(sql)
          .replaceAll(/--.*\n/g, "")
          .replaceAll(/\s+/g, " ")};\n`,
    )
    .join("");
}

test("the schema is the one that was agreed: whoever changes it looks at this too", () => {
  using db = openDatabase(":memory:", { create: true });
  assert.equal(schemaOf(db), readFileSync(join(import.meta.dirname, "schema/all.golden"), "utf8"));
});

test("a new database is for this user alone, and so is its folder", (t) => {
  const path = newPath(t);
  using _db = openDatabase(path, { create: true });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
});

test("commits are durable, and what is deleted is overwritten", () => {
  using db = openDatabase(":memory:", { create: true });
  assert.equal(db.prepare("PRAGMA synchronous").get()?.["synchronous"], 2);
  assert.equal(db.prepare("PRAGMA secure_delete").get()?.["secure_delete"], 1);
  assert.equal(db.prepare("PRAGMA foreign_keys").get()?.["foreign_keys"], 1);
});

test("where there is none, nothing is made", (t) => {
  const path = newPath(t);
  assert.throws(() => openDatabase(path, { create: false }), { code: "KEY_STORE_MISSING" });
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
});

test("a database of each older schema is brought up to date, and a copy of it is left as it was", (t) => {
  for (let older = 1; older < SCHEMA_VERSION; older++) {
    const path = newPath(t);
    openDatabase(path, { create: true }).close();
    rmSync(path);
    {
      using made = new DatabaseSync(path);
      for (const step of steps.slice(0, older)) made.exec(step);
      made.exec(`PRAGMA user_version = ${older};`);
      made.exec("INSERT INTO keys VALUES ('k', 'web01', 1, '{}')");
    }
    {
      using opened = openDatabase(path, { create: false });
      assert.equal(opened.prepare("PRAGMA user_version").get()?.["user_version"], SCHEMA_VERSION);
      assert.equal(opened.prepare("SELECT name FROM keys").get()?.["name"], "web01");
      assert.deepEqual(changedTables(opened), []);
      assert.equal(schemaOf(opened), readFileSync(join(schemaFolder, "all.golden"), "utf8"));
    }
    const copy = `${path}.before-schema-${SCHEMA_VERSION}`;
    assert.equal(statSync(copy).mode & 0o777, 0o600);
    using kept = new DatabaseSync(copy, { readOnly: true });
    assert.equal(kept.prepare("PRAGMA user_version").get()?.["user_version"], older);
    assert.equal(kept.prepare("SELECT name FROM keys").get()?.["name"], "web01");
  }
});

test("a migration that was cut short before, and left pieces of its copy, is done again", (t) => {
  const path = newPath(t);
  openDatabase(path, { create: true }).close();
  rmSync(path);
  {
    using made = new DatabaseSync(path);
    made.exec(`${steps[0]}; PRAGMA user_version = 1;`);
  }
  writeFileSync(`${path}.before-schema-${SCHEMA_VERSION}.unfinished`, "half of a copy");
  writeFileSync(`${path}.before-schema-${SCHEMA_VERSION}`, "a copy of a run before");
  using _db = openDatabase(path, { create: false });
  using copy = new DatabaseSync(`${path}.before-schema-${SCHEMA_VERSION}`, { readOnly: true });
  assert.equal(copy.prepare("PRAGMA user_version").get()?.["user_version"], 1);
});

test("a database of a later program is left alone", (t) => {
  const path = newPath(t);
  {
    using db = openDatabase(path, { create: true });
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  }
  const before = readFileSync(path);
  assert.throws(() => openDatabase(path, { create: false }), {
    code: "KEY_STORE_NEWER",
    message: new RegExp(`its schema is ${SCHEMA_VERSION + 1}, and this program knows ${SCHEMA_VERSION}`),
  });
  assert.deepEqual(readFileSync(path), before);
});

test("what is no database, or a damaged one, is said to be", (t) => {
  const path = newPath(t);
  openDatabase(path, { create: true }).close();
  const whole = readFileSync(path);
  writeFileSync(path, "no database at all ".repeat(1000));
  assert.throws(() => openDatabase(path, { create: false }), { code: "KEY_STORE_CORRUPT" });
  writeFileSync(path, whole.fill(0xff, 100, 4096));
  assert.throws(() => openDatabase(path, { create: false }), { code: "KEY_STORE_CORRUPT" });
});

test("one process has it: another one is refused, until the first is gone, however it goes", async (t) => {
  const path = newPath(t);
  const program = `import { openDatabase } from ${JSON.stringify(import.meta.resolve("#keys/store/database.ts"))};
    openDatabase(${JSON.stringify(path)}, { create: true }); console.log("open"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  try {
    await once(child.stdout, "data");
    assert.throws(() => openDatabase(path, { create: false }), { code: "KEY_STORE_BUSY" });
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  openDatabase(path, { create: false }).close();
});

test("within this process, too, it is opened once", (t) => {
  const path = newPath(t);
  using _db = openDatabase(path, { create: true });
  assert.throws(() => openDatabase(path, { create: true }), { code: "KEY_STORE_BUSY" });
});

test("a full disk is said to be one, and leaves all as it was", () => {
  using db = openDatabase(":memory:", { create: true });
  db.exec("PRAGMA max_page_count = 1"); // as many as it has
  const fill = (): void => {
    for (let n = 0; n < 1000; n++)
      db.prepare("INSERT INTO keys VALUES (?, ?, 1, ?)").run(`${n}`, `${n}`, "x".repeat(4000));
  };
  assert.throws(() => inTransaction(db, fill), { code: "STORE_FULL", message: /^writing to the key store: / });
  assert.equal(db.prepare("SELECT count(*) AS n FROM keys").get()?.["n"], 0);
});

test("a folder where it cannot be made is refused in words", (t) => {
  const path = newPath(t);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(join(path, "..", "file"), "");
  assert.throws(() => openDatabase(join(path, "../file/store.db"), { create: true }), {
    code: "STORE_UNAVAILABLE",
    message: /^Cannot open the key store .*ENOTDIR|EEXIST/,
  });
  mkdirSync(path);
  assert.throws(() => openDatabase(path, { create: false }), { code: "STORE_DENIED" });
});

test("a transaction counts as a whole, or not at all", () => {
  using db = openDatabase(":memory:", { create: true });
  const insert = db.prepare("INSERT INTO keys VALUES (?, ?, 1, '{}')");
  assert.throws(() =>
    inTransaction(db, () => {
      insert.run("a", "web01");
      throw new Error("no");
    }),
  );
  assert.equal(db.isTransaction, false);
  assert.equal(
    inTransaction(db, () => insert.run("a", "web01").changes),
    1,
  );
  assert.equal(db.prepare("SELECT count(*) AS n FROM keys").get()?.["n"], 1);
});

test("after freed space was erased, no byte of what was deleted is in the database or its log", (t) => {
  const path = newPath(t);
  using db = openDatabase(path, { create: true });
  const mark = (key: number): string => `a value of key ${key} that must go`.repeat(1 + (key % 40));
  const insert = db.prepare("INSERT INTO keys VALUES (?, ?, 1, ?)");
  for (let key = 0; key < 500; key++) insert.run(String(key), `key ${key}`, mark(key));
  assert.ok(isInFiles(path, "that must go"));
  db.exec("DELETE FROM keys");
  eraseFreed(db);
  assert.equal(isInFiles(path, "that must go"), false);
});

test("what a change of the schema left a copy of is in no copy either, once freed space was erased", (t) => {
  const path = newPath(t);
  openDatabase(path, { create: true }).close();
  rmSync(path);
  {
    using made = new DatabaseSync(path);
    made.exec(
      `${steps[0]}; PRAGMA user_version = 1; INSERT INTO keys VALUES ('k', 'web01', 1, 'a value that must go')`,
    );
  }
  using db = openDatabase(path, { create: false });
  const copy = `${path}.before-schema-${SCHEMA_VERSION}`;
  copyFileSync(copy, `${path}.before-schema-1`);
  copyFileSync(copy, `${path}.before-schema-${SCHEMA_VERSION}.unfinished`);
  writeFileSync(`${path}.mine`, "somebody's own file");
  db.exec("DELETE FROM keys");
  assert.equal(eraseFreed(db), null);
  assert.deepEqual(
    readdirSync(join(path, "..")).filter((name) => readFileSync(join(path, "..", name)).includes("must go")),
    [],
  );
  assert.equal(readFileSync(`${path}.mine`, "utf8"), "somebody's own file");
});

test("a copy that cannot be removed is said to be left", (t) => {
  const path = newPath(t);
  using db = openDatabase(path, { create: true });
  mkdirSync(`${path}.before-schema-1`);
  assert.match(eraseFreed(db) ?? "", /before-schema-1/);
});

function isInFiles(path: string, text: string): boolean {
  return [path, `${path}-wal`].some((file) => readFileSync(file).includes(text));
}
