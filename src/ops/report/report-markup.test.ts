import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { markup } from "#ops/report/report-markup.ts";

test("text stays text, markup stays markup", () => {
  const inner = markup`<b>${"<i>"}</b>`;
  assert.equal(markup`<p title="${`a"b'c`}">${inner}${3}</p>`.text, '<p title="a&quot;b&#39;c"><b>&lt;i&gt;</b>3</p>');
  assert.equal(markup`${[inner, inner]}`.text, `${inner.text}\n${inner.text}`);
  assert.equal(markup`${"a\u0000b\u202ec"}`.text, "a\\x00b\\u{202e}c");
});

test("no text opens an element, ends an attribute, or begins an entity of its own", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const { text: put } = markup`${text}`;
      assert.doesNotMatch(put, /[<>"'\p{Cc}]/u);
      assert.doesNotMatch(put, /&(?!(amp|lt|gt|quot|#39);)/);
    }),
  );
});
