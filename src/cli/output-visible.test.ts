import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { visible, visibleJson } from "#cli/output-visible.ts";

test("what acts on a terminal or turns a line around is shown instead", () => {
  assert.equal(visible("a\u001b[2Jb\r\n\u009b"), "a\\x1b[2Jb\\x0d\\x0a\\x9b");
  assert.equal(visible("evil\u202egpj.exe\u2066\ufeff"), "evil\\u{202e}gpj.exe\\u{2066}\\u{feff}");
  assert.equal(visible("\ud800"), "\\u{d800}");
  assert.equal(visible("\u{e0041}"), "\\u{e0041}");
});

test("text of any language stays as it is", () => {
  for (const text of ["Zürich", "数据库", "e\u0301", "نسخة", "👨‍👩‍👧", "a b\u00a0c"]) assert.equal(visible(text), text);
});

test("JSON parses to the same value, and holds nothing unseen", () => {
  const text = fc.string({ unit: fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)), maxLength: 10 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 4 }), (pairs) => {
      const value = Object.fromEntries(pairs);
      const json = visibleJson(JSON.stringify(value));
      assert.equal(visible(json), json);
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
    }),
  );
});
