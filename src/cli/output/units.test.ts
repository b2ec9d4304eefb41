import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { formatBytes, formatRate, parseSize } from "#cli/output/units.ts";

test("bytes are told in the unit that leaves the fewest digits", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [40 * 1024 ** 3, "40.0 GiB"],
    [10 * 1024 ** 4, "10.0 TiB"],
    [Number.MAX_SAFE_INTEGER, "8.0 PiB"],
  ] as const) {
    assert.equal(formatBytes(bytes), text);
  }
});

test("no number of bytes is shown with more than four digits before the point", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => assert.match(formatBytes(bytes), /^(\d{1,4} B|\d{1,4}\.\d [KMGTP]iB)$/)),
  );
});

test("a rate is bytes a second", () => {
  assert.equal(formatRate(1024 ** 3, 2000), "512.0 MiB/s");
  assert.equal(formatRate(7, 0), "-");
});

test("sizes are powers of 1024, with or without the iB", () => {
  for (const [text, bytes] of [
    ["4096", 4096],
    ["4096B", 4096],
    ["64MiB", 64 * 1024 ** 2],
    ["10G", 10 * 1024 ** 3],
    ["10gib", 10 * 1024 ** 3],
    ["1.5 TiB", 1.5 * 1024 ** 4],
    [" 0 ", 0],
  ] as const) {
    assert.equal(parseSize(text), bytes, text);
  }
});

test("what is not a size, or could mean two, is refused", () => {
  for (const text of ["", "G", "-1", "1e3", "10GB", "10 G iB", "1.5", "0.3K", "9E", "0x10", "10G 5M", "Infinity"]) {
    assert.throws(() => parseSize(text), { code: "ARGUMENT_INVALID" }, text);
  }
});

test("a size that was formatted exactly is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1023 }), fc.integer({ min: 0, max: 4 }), (number, power) => {
      assert.equal(parseSize(formatBytes(number * 1024 ** power)), number * 1024 ** power);
    }),
  );
});
