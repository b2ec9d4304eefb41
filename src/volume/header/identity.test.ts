import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { hex } from "#bytes/text.ts";
import { identityHash, identityInput } from "#volume/header/identity.ts";
import type { IdentityFields, IdentityValue } from "#volume/header/identity.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/format/identities.md"), "utf8");

const exampleFields: IdentityFields = [
  ["cipher", "aes-xts-plain64"],
  ["sector bytes", 512],
  ["offset", 16777216n],
  ["salt", Uint8Array.of(0x00, 0x01, 0xfe, 0xff)],
  ["label", null],
];

test("the example in the format's description is what this program computes", () => {
  const shown = /<!-- example -->\n+```\n([^]*?)```\n+([^]*?)\n+<!-- \/example -->/.exec(page);
  const rows = (shown?.[1] ?? "").split("\n").map((row) => row.replace(/\|.*/, "").replaceAll(" ", ""));
  assert.equal(rows.join(""), hex(concat(...identityInput("lockstep v1 example", exampleFields))));
  assert.equal(shown?.[2], "`" + identityHash("lockstep v1 example", exampleFields) + "`");
});

test("is the SHA-256 of what is described", () => {
  const input = concat(...identityInput("lockstep v1 example", exampleFields));
  assert.equal(identityHash("lockstep v1 example", exampleFields), createHash("sha256").update(input).digest("hex"));
});

test("however many fields there are, they are hashed", () => {
  const fields: IdentityFields = Array.from({ length: 200_000 }, (_, number) => ["n", number] as const);
  assert.match(identityHash("d", fields), /^[0-9a-f]{64}$/);
});

/** A reader of the encoding: what can be read back cannot mean two things. */
function decode(input: Uint8Array): unknown[] {
  const bytes = Buffer.from(input);
  let at = 0;
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  const chunk = (): Buffer => take(take(4).readUInt32LE());
  const decoded: unknown[] = [chunk().toString()];
  while (at < bytes.length) {
    const name = chunk().toString();
    const tag = take(1).toString();
    const value = chunk();
    if (tag === "0") decoded.push([name, null]);
    else if (tag === "n") decoded.push([name, BigInt(value.toString())]);
    else if (tag === "b") decoded.push([name, new Uint8Array(value)]);
    else decoded.push([name, value.toString(tag === "w" ? "utf16le" : "utf8")]);
  }
  return decoded;
}

test("every list of fields can be read back from what is hashed, so that no two give the same", () => {
  const value: fc.Arbitrary<IdentityValue> = fc.oneof(
    fc.constant(null),
    fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.uint8Array(),
  );
  const fields = fc.array(fc.tuple(fc.string(), value));
  fc.assert(
    fc.property(fc.string(), fields, (domain, list) => {
      const expected = list.map(([name, field]) => [name, typeof field === "number" ? BigInt(field) : field]);
      assert.deepEqual(decode(concat(...identityInput(domain, list))), [domain, ...expected]);
    }),
  );
});

test("a number and a bigint of the same value are the same; nothing, empty text and no bytes are not", () => {
  const of = (value: IdentityValue): string => identityHash("d", [["f", value]]);
  assert.equal(of(7), of(7n));
  assert.equal(new Set([null, "", new Uint8Array(), 0, "0"].map(of)).size, 5);
  assert.notEqual(of(2n ** 64n - 1n), of(2n ** 64n));
});

test("a number that would be rounded is refused", () => {
  for (const number of [2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => identityHash("d", [["offset", number]]), { code: "ARGUMENT_INVALID", message: /offset/ });
  }
});
