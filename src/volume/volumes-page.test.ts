import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const project = join(import.meta.dirname, "../..");
const page = readFileSync(join(project, "docs/format/volumes.md"), "utf8");

test("each row of docs/format/volumes.md names a test, and each test that it names is there", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("| "));
  const missing: string[] = [];
  let folder = "";
  for (const row of rows) {
    const isHead = /^\| (?:What|-+) /.test(row);
    const named = [...row.matchAll(/`([\w/*.-]+\.test\.ts)`/g)].map(([, path = ""]) => path);
    if (!isHead && named.length === 0 && !/\| (?:the same|the mark only)/.test(row)) missing.push(`no test: ${row}`);
    for (const path of named) {
      // A name alone is of the folder of the one before it.
      if (path.includes("/")) folder = dirname(path);
      const file = path.includes("/") ? path : join(folder, path);
      if (globSync(file, { cwd: project }).length === 0) missing.push(file);
    }
  }
  assert.ok(rows.length > 40, "tables were found");
  assert.deepEqual(missing, []);
});
