import assert from "node:assert/strict";
import { test } from "node:test";

import { copyLines } from "#cli/shown/key-copies.ts";

test("where no copy holds a destroyed version, nothing is left of it", () => {
  assert.deepEqual(copyLines([]), ["  no copy of the key store holds it, as far as is known here"]);
});

test("where all copies have an end, the latest one counts", () => {
  const lines = copyLines([
    { place: "/a", copies: 1, goneAt: "2026-05-01T00:00:00Z" },
    { place: "s3://b", copies: 2, goneAt: "2026-03-01T00:00:00Z" },
  ]);
  assert.deepEqual(lines, [
    "  gone from all copies on 2026-05-01",
    "  /a: 1 copy holds it, until 2026-05-01",
    "  s3://b: 2 copies hold it, until 2026-03-01",
  ]);
});

test("a place without an end is named", () => {
  const lines = copyLines([
    { place: "/a", copies: 1, goneAt: "2026-05-01T00:00:00Z" },
    { place: "/tape", copies: 1, goneAt: null },
  ]);
  assert.equal(lines[0], "  never gone from all copies: /tape keeps it");
  assert.equal(lines[2], "  /tape: 1 copy holds it, for as long as it keeps them");
});
