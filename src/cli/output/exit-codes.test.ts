import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { exitCodes } from "#cli/output/exit-codes.ts";
import { codes } from "#errors/errors.ts";

const docs = join(import.meta.dirname, "../../../docs");

/** The first two cells, joined, of each row whose cell at `column` is a number. */
function rows(page: string, column: 0 | 1): string[] {
  return readFileSync(join(docs, page), "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .filter((cells) => /^\d+$/.test(cells[column + 1] ?? ""))
    .map(([, first = "", second = ""]) => `${first} ${second}`);
}

test("docs/exit-codes.md describes each exit code, and no other", () => {
  const meant = Object.entries(exitCodes).map(([name, code]) => `${code} ${name}`);
  assert.deepEqual(rows("exit-codes.md", 0).toSorted(), meant.toSorted());
});

test("docs/errors.md gives each kind its exit code", () => {
  const kinds = [...new Set(Object.values(codes))];
  const meant = kinds.map((kind) => `${kind} ${exitCodes[kind]}`);
  assert.deepEqual(rows("errors.md", 1).toSorted(), meant.toSorted());
});
