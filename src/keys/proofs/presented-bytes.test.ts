import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { PresentedBytes } from "#keys/proofs/presented-bytes.ts";

test("the digest is of places and bytes, in their order, as docs/format/statements.md has it", () => {
  const presented = new PresentedBytes();
  presented.add({ offsetBytes: 4096, bytes: Uint8Array.of(1, 2, 3) });
  presented.add({ offsetBytes: 0, bytes: Uint8Array.of(4) });
  const input = "0000000000001000" + "0000000000000003" + "010203" + "0000000000000000" + "0000000000000001" + "04";
  assert.equal(presented.digest(), createHash("sha256").update(Buffer.from(input, "hex")).digest("hex"));
  const same = presented.digest();
  presented.add({ offsetBytes: 1, bytes: new Uint8Array() });
  assert.notEqual(presented.digest(), same);
});
