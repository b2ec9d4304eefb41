import assert from "node:assert/strict";
import { test } from "node:test";

import { shortIds } from "#cli/output/short-ids.ts";

test("ids are cut to 8 digits, and to more where that many are alike", () => {
  const ids = ["aaaaaaaa00", "aaaaaaaa01", "bbbbbbbb00"];
  assert.deepEqual(
    [...shortIds(ids)],
    [
      ["aaaaaaaa00", "aaaaaaaa00"],
      ["aaaaaaaa01", "aaaaaaaa01"],
      ["bbbbbbbb00", "bbbbbbbb"],
    ],
  );
});
