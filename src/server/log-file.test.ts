import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { LogFile } from "#server/log-file.ts";

function newPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-log-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "keys", "log");
}

test("lines are added to what is there, for this user alone", (t) => {
  const path = newPath(t);
  mkdirSync(join(path, ".."));
  new LogFile(path).write("one\n");
  new LogFile(path).write("two\n");
  assert.equal(readFileSync(path, "utf8"), "one\ntwo\n");
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("what cannot be written is dropped and stops nobody, and the next line is one by itself", (t) => {
  new LogFile("/dev/full").write("one\n");
  const path = newPath(t);
  const log = new LogFile(path);
  log.write("lost\n");
  mkdirSync(join(path, ".."));
  log.write("two\n");
  log.write("three\n");
  assert.equal(readFileSync(path, "utf8"), "\ntwo\nthree\n");
});
