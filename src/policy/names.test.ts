import assert from "node:assert/strict";
import { test } from "node:test";

import { parseDiskName, parseMachineName } from "#policy/names.ts";

test("names are letters, digits, '.', '_' and '-', with a letter or digit first", () => {
  for (const name of ["a", "7", "web01", "Web-01_a.example.org", "x".repeat(32)]) {
    assert.equal(parseMachineName(name), name);
    assert.equal(parseDiskName(name), name);
  }
  for (const name of ["", ".a", "-a", "_a", "a b", "a@b", "a/b", "a\n", "ä", "a\u202e", "x".repeat(65)]) {
    assert.throws(() => parseMachineName(name), { code: "ARGUMENT_INVALID" }, name);
    assert.throws(() => parseDiskName(name), { code: "ARGUMENT_INVALID" }, name);
  }
});

test("a machine's name may be 64 long, a disk's 32", () => {
  assert.equal(parseMachineName("x".repeat(64)).length, 64);
  assert.throws(() => parseDiskName("x".repeat(33)), { code: "ARGUMENT_INVALID" });
});
