import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { LockstepError } from "#errors/errors.ts";
import { databaseError } from "#keys/store/database-error.ts";
import { fillRowSums } from "#keys/store/row-sums.ts";
import { fileError } from "#store/file-error.ts";

const folder = join(import.meta.dirname, "schema");

/** The steps of the schema in their order; step n brings a database from n - 1 to n. A released one never changes. */
const steps = readdirSync(folder)
  .filter((file) => file.endsWith(".sql"))
  .toSorted()
  .map((file) => readFileSync(join(folder, file), "utf8"));

/** The schema that this program reads and writes. */
export const SCHEMA_VERSION = steps.length;

/** Between the name of the database and the schema that it was brought to: the name of the copy from before. */
const COPY_MARK = ".before-schema-";

/** Pages of 4 KiB in the write-ahead log before a commit moves them to the database: fewer than one report of 200 points takes. */
const CHECKPOINT_PAGES = 4000;

/**
 * Opens a key store's database, and brings an older one up to date, which first leaves a copy of it beside it.
 *
 * Commits are on the disk when they return (`synchronous=FULL`), what is deleted is overwritten (`secure_delete`), and no
 * other process can open it meanwhile.
 *
 * @param path           the file, or `:memory:`
 * @param options.create make it where it is not there
 * @throws {LockstepError} KEY_STORE_MISSING: there is no such file; KEY_STORE_BUSY: another process has it open;
 *   KEY_STORE_NEWER: a later program made it; KEY_STORE_CORRUPT: it is no database, or a damaged one; STORE_DENIED, STORE_FULL,
 *   STORE_UNAVAILABLE: of its disk
 */
export function openDatabase(path: string, options: { readonly create: boolean }): DatabaseSync {
  let opened: DatabaseSync | null = null;
  try {
    if (path !== ":memory:") prepareFile(path, options.create);
    opened = new DatabaseSync(path, { enableForeignKeyConstraints: true, defensive: true });
    opened.exec(`PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;
      PRAGMA recursive_triggers = ON;`); // so that a row that another one replaces counts as deleted
    migrate(opened, path);
    refuseOtherTables(opened, path);
    return opened;
  } catch (error) {
    opened?.close();
    const isOfFiles = error instanceof Error && "syscall" in error;
    throw isOfFiles
      ? fileError(error, `open the key store ${path}`)
      : databaseError(`opening the key store ${path}`, error);
  }
}

/** The file is there afterwards, for this user alone; SQLite gives the files beside it the same permissions. */
function prepareFile(path: string, create: boolean): void {
  if (create) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "a", 0o600));
    return;
  }
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  throw new LockstepError("KEY_STORE_MISSING", `opening the key store ${path}: there is none`, {
    hint: "`lockstep recover` brings it back from a copy, `lockstep keystore init` makes one for a vault that has none.",
  });
}

function migrate(db: DatabaseSync, path: string): void {
  const found = versionOf(db);
  if (found > SCHEMA_VERSION) {
    throw new LockstepError(
      "KEY_STORE_NEWER",
      `opening the key store ${path}: its schema is ${found}, and this program knows ${SCHEMA_VERSION}`,
      { hint: "A later version of Lockstep made it: use that one." },
    );
  }
  if (found === SCHEMA_VERSION) return;
  if (found > 0 && path !== ":memory:") copyTo(db, `${path}${COPY_MARK}${SCHEMA_VERSION}`);
  db.exec("BEGIN IMMEDIATE");
  for (const step of steps.slice(found)) db.exec(step);
  fillRowSums(db);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}

/** A table that is not as this program made it would be read and written wrongly. */
function refuseOtherTables(db: DatabaseSync, path: string): void {
  using meant = new DatabaseSync(":memory:");
  for (const step of steps) meant.exec(step);
  if (tablesOf(db) === tablesOf(meant)) return;
  throw new LockstepError(
    "KEY_STORE_CORRUPT",
    `opening the key store ${path}: its tables are not those of schema ${SCHEMA_VERSION}`,
    {
      hint: "Keep the file as it is, and bring the key store back from a copy: `lockstep recover`.",
    },
  );
}

/** Whether all of the schema is as this program made it, to the letter. */
export function isSchemaAsMade(db: DatabaseSync): boolean {
  using meant = new DatabaseSync(":memory:");
  for (const step of steps) meant.exec(step);
  return textOf(db) === textOf(meant);
}

function textOf(db: DatabaseSync): string {
  const rows = db.prepare(
    "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY name",
  );
  return JSON.stringify(rows.all().filter(({ name }) => !String(name).startsWith("sqlite_")));
}

/** Names and columns, and not the text of the tables: another release of SQLite may write that otherwise. */
function tablesOf(db: DatabaseSync): string {
  const columns = db.prepare(
    `SELECT tables.name AS "table", columns.name, columns.type, columns."notnull", columns.pk
     FROM sqlite_schema AS tables, pragma_table_xinfo(tables.name) AS columns
     WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY tables.name, columns.cid`,
  );
  return JSON.stringify(columns.all());
}

/** A whole copy, durable and for this user alone, in the place of one that may be there. Values in it are wrapped. */
function copyTo(db: DatabaseSync, path: string): void {
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { force: true });
  closeSync(openSync(unfinished, "w", 0o600)); // SQLite takes an empty file for the target
  db.prepare("VACUUM INTO ?").run(unfinished);
  syncPath(unfinished);
  renameSync(unfinished, path);
  syncPath(dirname(path));
}

function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * A database in memory with the tables of an older schema, to bring rows of that schema up to date by `bringUpToDate`. Nothing in
 * it is checked against anything else. The caller closes it.
 */
export function stagingDatabase(schema: number): DatabaseSync {
  const db = new DatabaseSync(":memory:", { enableForeignKeyConstraints: false });
  for (const step of steps.slice(0, schema)) db.exec(step);
  db.exec(`PRAGMA user_version = ${schema}`);
  return db;
}

/** Brings a staging database to the schema of this program. */
export function bringUpToDate(db: DatabaseSync): void {
  migrate(db, ":memory:");
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
}

/**
 * Writes the database anew without what was deleted from it, and empties its log: `secure_delete` alone leaves a piece behind
 * where rows move from page to page. Removes the copies that changes of the schema left beside it, which hold what was deleted
 * since. Does not reach what the file system or the medium keeps. Not to be called in a transaction; it takes about a second for
 * each 100 MB.
 *
 * @returns  why that could not be done, in words: the disk is full, say. Null when it was
 */
export function eraseFreed(db: DatabaseSync): string | null {
  try {
    db.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
    removeCopies(db);
    return null;
  } catch (error) {
    if (error instanceof Error && ("errcode" in error || "syscall" in error)) return error.message;
    throw error;
  }
}

/** Removes what `copyTo` made at any schema, finished or not. */
function removeCopies(db: DatabaseSync): void {
  const path = db.location();
  if (path === null) return; // in memory
  const beside = dirname(path);
  const copies = readdirSync(beside).filter((name) => name.startsWith(`${basename(path)}${COPY_MARK}`));
  for (const name of copies) rmSync(join(beside, name));
  if (copies.length > 0) syncPath(beside);
}

/**
 * Does `work` as a whole: all of it counts, or nothing. Not to be called within another one.
 *
 * @throws {LockstepError} STORE_FULL, STORE_UNAVAILABLE, STORE_DENIED, KEY_STORE_CORRUPT: of the database's disk; and what `work` throws
 */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  try {
    db.exec("BEGIN IMMEDIATE");
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw databaseError("writing to the key store", error);
  }
}
