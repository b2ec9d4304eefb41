import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";

import { systemWords } from "#errors/system-words.ts";

function wordsOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return systemWords(error);
  }
  return "it worked";
}

test("a system call that failed is said in words, with the error's name and without Node's", () => {
  assert.equal(
    wordsOf(() => readFileSync("/none/none")),
    "it is not there (ENOENT)",
  );
  assert.equal(
    wordsOf(() => readFileSync(tmpdir())),
    "it is a folder (EISDIR)",
  );
  assert.equal(
    wordsOf(() => writeFileSync(import.meta.filename, "", { flag: "wx" })),
    "something of that name is there (EEXIST)",
  );
});

test("anything else keeps its message", () => {
  assert.equal(systemWords(new Error("it is too long")), "it is too long");
  assert.equal(systemWords(Object.assign(new Error("odd"), { code: "EODD" })), "odd");
  assert.equal(systemWords("thrown text"), "thrown text");
});
