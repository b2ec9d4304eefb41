import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { passwordHash } from "#volume/bitlocker/password.ts";

const hashed = (bytes: Uint8Array): string => hex(passwordHash(new Secret(bytes)).bytes);

// printf %s TEXT | iconv -t UTF-16LE | openssl dgst -sha256 -binary | sha256sum
for (const [text, expected] of [
  ["anaconda", "0d6cbf9e5d75af220d7ac3e9f35d05f56952608dd1dacb31774452c489eadc51"],
  ["", "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"],
  ["Grüße, 世界 🔑", "98e53abe3cc3c992a8394ac6f0d34860793933455affbb8f44c7b543cf372c00"],
] as const) {
  test(`the password ${JSON.stringify(text)} is hashed as Windows does`, () => {
    assert.equal(hashed(utf8(text)), expected);
  });
}

test("composed and decomposed letters are different passwords", () => {
  assert.notEqual(hashed(utf8("\u00e9")), hashed(utf8("e\u0301")));
});

test("what is no UTF-8 is no password", () => {
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
    assert.throws(() => hashed(Uint8Array.from(bytes)), { code: "SECRET_INVALID", message: /not text in UTF-8/ });
  }
});
