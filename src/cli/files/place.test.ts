import assert from "node:assert/strict";
import { test } from "node:test";

import { folderOf } from "#cli/files/place.ts";

test("a place is a folder, by its path or a file: URL", () => {
  assert.equal(folderOf("/backup/vault"), "/backup/vault");
  assert.equal(folderOf("file:///backup/my%20vault"), "/backup/my vault");
});

test("a place of any other kind is refused", () => {
  for (const place of ["s3://bucket/vault", "https://host/", "file://host/vault", "file:///a%2Fb", "x://", ""]) {
    assert.throws(() => folderOf(place), { code: "ARGUMENT_INVALID" }, place);
  }
});
