import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { seededRandom } from "#testing/random.ts";
import { looksCompressible } from "#vault/segments/compressible.ts";

test("ciphertext is not tried, text, code and tables are", () => {
  const random = seededRandom("compressible");
  for (let i = 0; i < 500; i++) assert.equal(looksCompressible(random(65_536)), false);
  assert.equal(looksCompressible(utf8("The quick brown fox jumps over the lazy dog. ".repeat(1500))), true);
  assert.equal(looksCompressible(new Uint8Array(65_536)), true);
  const table = Uint8Array.from({ length: 65_536 }, (_, i) => (i % 8 === 0 ? (i >> 3) & 0xff : 0));
  assert.equal(looksCompressible(table), true);
  const half = random(65_536);
  half.fill(0, 0, 32_768);
  assert.equal(looksCompressible(half), true);
});
