import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";

import { hex, utf8 } from "#bytes/text.ts";
import { digest, hashBytes, hmac, isHashKnown, opensslHash } from "#volume/cipher/hash.ts";

const empty = new Uint8Array();
const fox = utf8("The quick brown fox jumps over the lazy dog");

test("whirlpool is the one of ISO/IEC 10118-3, not one of its two drafts", () => {
  const ofNothing =
    "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a7" +
    "3e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3";
  assert.equal(hex(digest("whirlpool", empty)), ofNothing);
  assert.equal(hex(digest("Whirlpool")), ofNothing);
  assert.equal(
    hex(digest("whirlpool", fox)),
    "b97de512e91e3828b40d2b0fdce9ceb3c4a71f9bea8d88e75c4fa854df36725f" +
      "d2b52eb6544edcacd6f8beddfea403cb55ae31f03ad62a5ef54e42ee82c3fb35",
  );
});

test("HMAC with whirlpool is what libgcrypt says, with keys shorter than, as long as, and longer than a block", () => {
  const counting = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, at) => at);
  const expected = [
    [
      utf8("key"),
      "7f7192e3a155cb6a8171584ba146882f26821658112dfd2601272db013517a31" +
        "e573637d146584596f86a884eb0decc9514dde000ecf2476dc5d436a92197527",
    ],
    [
      counting(64),
      "bc863ab8f4eae6ded068ffbbb292a7fdfbc58b945a8f55979deea77631f449ea" +
        "ca0af8a9555094977d7015f34a92c6da2016493720d8564987b0525eeea4b183",
    ],
    [
      counting(100),
      "da1ba5b1ddf7aa2f6487b726ca51faa43d09a925420bdb4312dc8f4cb6b3c36d" +
        "ebb2cd47abddc9da2df03ce30850e281c46c3fe448dec227cbabc085a6be4da8",
    ],
  ] as const;
  for (const [key, mac] of expected) assert.equal(hex(hmac("whirlpool", key, fox)), mac);
});

test("every known hash gives as many bytes as it says, whatever way its name is written", () => {
  const names = [
    ..."sha1 sha-1 sha224 sha256 sha384 sha512 SHA-256 sha2-512 sha512-224 sha512-256".split(" "),
    ..."sha3-224 sha3-256 sha3-384 sha3-512 ripemd160 rmd160 RIPEMD160".split(" "),
    ..."blake2b-512 blake2b512 blake2s-256 blake2s256 sm3 whirlpool".split(" "),
  ];
  for (const name of names) {
    assert.ok(isHashKnown(name), name);
    assert.equal(digest(name, fox).length, hashBytes(name), name);
    assert.equal(hmac(name, fox, fox).length, hashBytes(name), name);
    const openssl = opensslHash(name);
    if (openssl !== null) assert.equal(hex(digest(name, fox)), createHash(openssl).update(fox).digest("hex"), name);
  }
});

test("names that look alike are different hashes", () => {
  assert.equal(hex(digest("sha256", utf8("abc"))).slice(0, 16), "ba7816bf8f01cfea");
  assert.equal(hex(digest("sha512-256", utf8("abc"))).slice(0, 16), "53048e2681941ef9");
  assert.equal(hex(digest("sha3-256", utf8("abc"))).slice(0, 16), "3a985da74fe225b2");
  assert.equal(hex(digest("ripemd160", utf8("abc"))), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
  assert.equal(hex(digest("blake2b-512", utf8("abc"))).slice(0, 16), "ba80a53f981c4d0d");
  assert.equal(hex(digest("blake2s-256", utf8("abc"))).slice(0, 16), "508c5e8c327c14e2");
  assert.equal(hex(digest("sm3", utf8("abc"))).slice(0, 16), "66c7f0f462eeedd9");
});

test("parts are hashed one after the other", () => {
  for (const name of ["sha1", "whirlpool"]) {
    assert.deepEqual(digest(name, fox.subarray(0, 5), empty, fox.subarray(5)), digest(name, fox));
    assert.deepEqual(hmac(name, fox, fox.subarray(0, 5), fox.subarray(5)), hmac(name, fox, fox));
  }
  assert.equal(hex(hmac("sha1", fox, fox)), createHmac("sha1", fox).update(fox).digest("hex"));
});

test("a hash of whirlpool's is not overwritten by the next one", () => {
  const first = digest("whirlpool", fox);
  const copy = hex(first);
  digest("whirlpool", empty);
  assert.equal(hex(first), copy);
});

test("a hash that is not known is refused by its name, controls made visible", () => {
  for (const name of ["", "md5", "streebog512", "tiger", "sha", "constructor", "__proto__"]) {
    assert.equal(isHashKnown(name), false, name);
  }
  const refused = { code: "VOLUME_UNSUPPORTED", message: "hash tiger\\x1b is not known here" };
  assert.throws(() => digest("tiger\x1b", fox), refused);
  assert.throws(() => hmac("tiger\x1b", fox, fox), refused);
  assert.throws(() => hashBytes("tiger\x1b"), refused);
});
