import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { crc32c, crc32cState } from "#volume/source/crc32c.ts";

test("gives the values of RFC 3720, appendix B.4", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => 31 - at)), 0x113fdb5c);
  assert.equal(crc32c(utf8("123456789")), 0xe3069283);
});

test("parts count as one text", () => {
  assert.equal(crc32c(utf8("1234"), new Uint8Array(), utf8("56789")), crc32c(utf8("123456789")));
});

test("a state goes on where it stands, and is not inverted", () => {
  const state = crc32cState(0xffffffff, utf8("1234"));
  assert.equal(~crc32cState(state, utf8("56789")) >>> 0, 0xe3069283);
  assert.equal(crc32cState(state), state);
});
