import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import fc from "fast-check";

import { visibleText, visibleUtf16, visibleUtf8 } from "#volume/source/visible-text.ts";

const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf16le"));

test("what acts on a terminal or on the order of a line is written out", () => {
  assert.equal(visibleText("\u001b[2Jx"), "\\x1b[2Jx");
  assert.equal(visibleText("invoice\u202egpj.exe"), "invoice\\u{202e}gpj.exe");
  assert.equal(visibleText("a\u200bb\u2028c\ufeffd\u{e0041}"), "a\\u{200b}b\\u{2028}c\\u{feff}d\\u{e0041}");
  assert.equal(visibleText("\r\n\u009b\ud800"), "\\x0d\\x0a\\x9b\\u{d800}");
  assert.equal(visibleText("\u2066\u3164\ue000"), "\\u{2066}\\u{3164}\\u{e000}");
});

test("letters of all scripts stay as they are", () => {
  const labels = ["Données", "系统", "Ελλάδα 2", "база", "نسخة", "e\u0301", "a b\u00a0c", "💾"];
  const joined = ["می\u200cخواهم", "क्\u200dष", "👨\u200d👩\u200d👧", "❤\ufe0f"];
  for (const label of [...labels, ...joined]) assert.equal(visibleText(label), label);
});

test("labels end at their first zero, and bytes of another encoding are shown", () => {
  assert.equal(visibleUtf8(new Uint8Array([0x72, 0x6f, 0x6f, 0x74, 0, 0x78])), "root");
  assert.equal(visibleUtf8(new Uint8Array([0x63, 0x61, 0x66, 0xe9, 0x0a])), "caf\\xe9\\x0a");
  assert.equal(visibleUtf16(utf16("EFI system\0junk")), "EFI system");
  assert.equal(visibleUtf16(new Uint8Array([0x41, 0, 0x42])), "A");
});

test("whatever the bytes, nothing unseen is left", () => {
  const property = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    for (const text of [visibleUtf8(bytes), visibleUtf16(bytes)])
      assert.doesNotMatch(text.replaceAll(/[\p{Join_Control}\ufe0e-\ufe0f]/gu, ""), /[\p{C}\p{Zl}\p{Zp}\p{DI}]/u);
  });
  fc.assert(property);
});
