import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { shellWord } from "#bytes/shell-word.ts";

test("a shell reads a word as it was meant, and what needs no quotes has none", () => {
  for (const plain of ["/backup/vault", "web01@2026-11-23T14:05", "daily=7,weekly=4"])
    assert.equal(shellWord(plain), plain);
  const odd = ["", "the safe", "it's", "$HOME", "`id`", '"', "\\", "a\nb", "*", "陈"];
  const read = execFileSync("/bin/sh", ["-c", `printf '%s\\0' ${odd.map(shellWord).join(" ")}`], { encoding: "utf8" });
  assert.deepEqual(read.split("\0").slice(0, -1), odd);
});
