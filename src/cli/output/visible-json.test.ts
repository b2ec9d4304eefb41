import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { visibleJson } from "#cli/output/visible-json.ts";
import { visibleText } from "#volume/source/visible-text.ts";

test("JSON parses to the same value, and holds nothing unseen", () => {
  const text = fc.string({ unit: fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)), maxLength: 10 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (pairs) => {
      const value = Object.fromEntries(pairs);
      const json = visibleJson(JSON.stringify(value));
      assert.equal(visibleText(json), json);
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("a character beyond the first plane is escaped as the pair of halves that it is", () => {
  assert.equal(visibleJson('"\u{e0041}\u001b"'), '"\\udb40\\udc41\\u001b"');
});
