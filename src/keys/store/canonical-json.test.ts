import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { canonicalJson } from "#keys/store/canonical-json.ts";

test("the order of members makes no difference, that of items does", () => {
  assert.equal(canonicalJson({ b: [2, 1], a: { d: null, c: "x" } }), '{"a":{"c":"x","d":null},"b":[2,1]}');
  assert.equal(canonicalJson({ a: { c: "x", d: null }, b: [2, 1] }), '{"a":{"c":"x","d":null},"b":[2,1]}');
  assert.notEqual(canonicalJson([1, 2]), canonicalJson([2, 1]));
});

test("it is JSON of the same value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value))),
    ),
  );
});
