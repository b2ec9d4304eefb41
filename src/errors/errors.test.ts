import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";

import { LockstepError, codes, isLockstepError, messageOf } from "#errors/errors.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8");
const entries = page
  .split(/^## /m)
  .slice(1)
  .map((entry) => {
    const [code = "", , kind = "", , ...text] = entry.split("\n");
    return { code, kind, text: text.join("\n").trim() };
  });

test("docs/errors.md describes each code of the table with its kind, and no other", () => {
  const described = entries.map(({ code, kind }) => `${code} ${kind}`);
  const meant = Object.entries(codes).map(([code, kind]) => `${code} Kind: ${kind}`);
  assert.deepEqual(described.toSorted(), meant.toSorted());
});

test("docs/errors.md is in alphabetical order, and says something of each code", () => {
  const found = entries.map(({ code }) => code);
  assert.deepEqual(found, found.toSorted());
  for (const { code, text } of entries) assert.match(text, /^[A-Z].*\.$/s, code);
});

test("an error carries its code, kind, hint and cause", () => {
  const cause = new Error("ENOSPC");
  const error = new LockstepError("STORE_FULL", "writing a segment failed", { hint: "Free space.", cause });
  assert.equal(error.kind, "unavailable");
  assert.equal(error.hint, "Free space.");
  assert.equal(error.cause, cause);
  assert.equal("cause" in new LockstepError("STORE_FULL", "full"), false);
  assert.match(inspect(error), /LockstepError: writing a segment failed/);
});

test("an error is told by its code", () => {
  const error = new LockstepError("STORE_FULL", "full");
  assert.ok(isLockstepError(error));
  assert.ok(isLockstepError(error, "STORE_DENIED", "STORE_FULL"));
  assert.ok(!isLockstepError(error, "STORE_DENIED"));
  assert.ok(!isLockstepError(new Error("full")));
});

test("anything thrown has a message", () => {
  assert.equal(messageOf(new Error("full")), "full");
  assert.equal(messageOf("full"), "full");
  assert.equal(messageOf(undefined), "undefined");
});
