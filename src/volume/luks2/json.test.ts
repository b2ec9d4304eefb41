import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { JsonAt } from "#volume/luks2/json-at.ts";
import { canonicalJson, parseJsonArea } from "#volume/luks2/json.ts";
import type { JsonObject } from "#volume/luks2/json.ts";

function parse(text: string, size = 3 * text.length + 10): JsonObject {
  const area = new Uint8Array(size);
  area.set(utf8(text).subarray(0, size));
  return parseJsonArea(area, "header");
}

test("whole numbers are exact, and numbers with a point or exponent are no whole numbers", () => {
  assert.deepEqual(parse('{"a":9007199254740993,"b":-0,"c":1.0,"d":1e3,"e":18446744073709551615}'), {
    a: 9007199254740993n,
    b: 0n,
    c: 1,
    d: 1000,
    e: 18446744073709551615n,
  });
  const long = parse(`{"a":${"9".repeat(1_000_000)},"b":-${"9".repeat(40)}}`);
  assert.deepEqual(long, { a: 1n << 64n, b: -(1n << 64n) });
});

test("of two members with one name the last counts", () => {
  assert.deepEqual(parse('{"a":1,"a":{"b":2},"a":3}'), { a: 3n });
});

test("what surrounds the text is as it must be", () => {
  assert.deepEqual(parse('{"a":1}\n \t'), { a: 1n });
  const refused: readonly (readonly [string, number | undefined, RegExp])[] = [
    ["{}", 2, /no zero byte ends it/],
    [" {}", undefined, /does not start with \{/],
    ["[]", undefined, /does not start with \{/],
    ["", undefined, /does not start with \{/],
    ["{}\0x", undefined, /something behind its end at byte 2/],
    ["{}x", undefined, /JSON area: Unexpected/],
    ["{}{}", undefined, /JSON area: Unexpected/],
    ['{"a":1', undefined, /JSON area: /],
    ['{"a":\0 1}', undefined, /something behind/],
    ["{'a':1}", undefined, /JSON area: /],
    ['{"a":01}', undefined, /JSON area: /],
    ['{"a":nan}', undefined, /JSON area: /],
    ['{"a":NaNa}', undefined, /JSON area: /],
    ['{"a":1,}', undefined, /JSON area: /],
    ['{"a":"\u001b[31m"}', undefined, /^header: JSON area: \P{Cc}*$/u],
  ];
  for (const [text, size, message] of refused) {
    assert.throws(() => parse(text, size), { code: "HEADER_CORRUPT", message }, JSON.stringify(text));
  }
});

test("numbers that are none, which cryptsetup writes for a token that has them, count as null", () => {
  assert.deepEqual(parse('{"a":NaN,"b":[-Infinity,Infinity],"c":"a \\" NaN, Infinity"}'), {
    a: null,
    b: [null, null],
    c: 'a " NaN, Infinity',
  });
});

test("text that is not UTF-8 is read, since some program may have written a name in another code", () => {
  const area = new Uint8Array(20);
  area.set([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
  assert.deepEqual(parseJsonArea(area, "header"), { "\ufffd": 1n });
});

test("nesting is bounded, and brackets in texts do not count", () => {
  const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  assert.doesNotThrow(() => parse(nested(31)));
  assert.throws(() => parse(nested(32)), { code: "HEADER_CORRUPT", message: /deeper than 31/ });
  assert.throws(() => parse(nested(1_000_000)), { code: "HEADER_CORRUPT", message: /deeper than 31/ });
  assert.doesNotThrow(() => parse(`{"a":"${"[".repeat(100)}\\"${"{".repeat(100)}"}`));
});

test("more values than any program writes are refused before any is read", () => {
  const many = (count: number): string => `{"a":[${"0,".repeat(count - 3)}"${",".repeat(100_000)}"]}`;
  assert.doesNotThrow(() => parse(many(50_000)));
  assert.throws(() => parse(many(50_002)), { code: "HEADER_CORRUPT", message: /more than 50000 values/ });
});

test("a text ends at its first zero, as for cryptsetup", () => {
  const text = String.raw`{"a\u0000b":"luks2\u0000x\u0000","c":"\\u0000","d":"\\\u0000","e":"\"\u0000\"","f":"\u00000"}`;
  assert.deepEqual(parse(text), { a: "luks2", c: "\\u0000", d: "\\", e: '"', f: "" });
});

test("a text without an end is refused at once, however many quotes it has", () => {
  const start = performance.now();
  for (const odd of ["NaN", String.raw`"\u0000"`]) {
    assert.throws(() => parse(`{"a":${odd},"${'\\"'.repeat(500_000)}`), { code: "HEADER_CORRUPT" });
  }
  assert.ok(performance.now() - start < 5000); // by the square of its length it would take half an hour
});

test("no member is found that every object has by itself", () => {
  const at = new JsonAt(parse('{"__proto__":{"x":1}}'), "header");
  assert.equal(at.optional("toString"), null);
  assert.equal(at.optional("x"), null);
  assert.equal(at.member("__proto__").member("x").u32(), 1);
  assert.throws(() => at.member("constructor"), { message: "header: constructor: it is missing" });
});

test("a message shows what was found, cut and made visible", () => {
  const at = new JsonAt(parse(JSON.stringify({ ["\u001b".repeat(60)]: { b: "\u202e".repeat(60) } })), "header");
  const [[, value] = ["", at]] = at.members();
  assert.throws(
    () => value.member("b").u64(),
    (error) =>
      error instanceof Error && /^header: (\\x1b){40}…\.b: "(\\u\{202e\}){40}…": it is not/.test(error.message),
  );
});

test("canonical text does not depend on the order of members", () => {
  assert.equal(
    canonicalJson(parse('{"b":[1,{"d":null,"c":1.5}],"a":"\\n"}')),
    '{"a":"\\n","b":[1,{"c":1.5,"d":null}]}',
  );
});
