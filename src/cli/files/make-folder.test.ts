import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { makeFolder } from "#cli/files/make-folder.ts";

function trialFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-make-folder-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a folder is made with those above it, each for this user alone; one that is there stays", async (t) => {
  const folder = trialFolder(t);
  await makeFolder(join(folder, "a", "b"));
  await makeFolder(join(folder, "a", "b"));
  for (const name of ["a", "a/b"]) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o700);
});

test("where a folder cannot be made, it is given up", { timeout: 20_000 }, async (t) => {
  const folder = trialFolder(t);
  writeFileSync(join(folder, "file"), "");
  symlinkSync(join(folder, "nowhere"), join(folder, "dangling"));
  await assert.rejects(makeFolder("/proc/lockstep/kit"), { code: "ENOENT" });
  await assert.rejects(makeFolder(join(folder, "file")), { code: "EEXIST" });
  await assert.rejects(makeFolder(join(folder, "file", "kit")), { code: "ENOTDIR" });
  await assert.rejects(makeFolder(join(folder, "dangling")), { code: "ENOENT" });
});
