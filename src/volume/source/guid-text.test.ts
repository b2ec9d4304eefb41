import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex } from "#bytes/text.ts";
import { guidText, uuidText } from "#volume/source/guid-text.ts";

test("the two byte orders give the texts that are known for them", () => {
  const bytes = fromHex("28732ac11ff8d211ba4b00a0c93ec93b") ?? new Uint8Array();
  assert.equal(
    guidText(bytes),
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "the EFI system partition, UEFI 2.10 table 5.7",
  );
  assert.equal(uuidText(bytes), "28732ac1-1ff8-d211-ba4b-00a0c93ec93b");
});
