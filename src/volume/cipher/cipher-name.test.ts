import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { parseCipher } from "#volume/cipher/cipher-name.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";

/** What a name comes to, in one word. */
function short(text: string, keyBytes: number, sectorBytes = 512): string {
  const parsed = parseCipher(text, keyBytes, sectorBytes);
  if ("unsupported" in parsed) return parsed.unsupported;
  if ("notEncrypted" in parsed) return parsed.notEncrypted;
  assert.equal(parsed.keyBytes, keyBytes);
  assert.equal(parsed.sectorBytes, sectorBytes);
  assert.equal(parsed.ivUnitBytes, 512);
  assert.equal(parsed.diffuser, false);
  openSectorCipher(parsed, new Uint8Array(keyBytes))[Symbol.dispose]();
  const { cipher, mode, iv } = parsed;
  return `${cipher} ${mode} ${iv.kind}${iv.kind === "essiv" ? ` ${iv.hash}` : ""}`;
}

for (const [text, keyBytes, expected] of [
  ["aes-xts-plain64", 64, "aes xts plain64"],
  ["aes-xts-plain64", 48, "aes xts plain64"],
  ["aes-xts-plain", 32, "aes xts plain"],
  ["aes-xts-plain64be", 32, "aes xts plain64be"],
  ["aes-xts-essiv:sha256", 64, "aes xts essiv sha256"],
  ["aes-cbc-essiv:sha256", 32, "aes cbc essiv sha256"],
  ["aes-cbc-essiv:sha3-256", 16, "aes cbc essiv sha3-256"],
  ["aes-cbc-plain", 16, "aes cbc plain"],
  ["aes-cbc-benbi", 16, "aes cbc benbi"],
  ["aes-cbc-null", 16, "aes cbc null"],
  ["aes", 32, "aes cbc plain"],
  ["twofish", 32, "twofish cbc plain"],
  ["aes-plain", 32, "aes cbc plain"],
  ["aes-ecb", 32, "aes ecb null"],
  ["aes-ecb-plain64", 32, "aes ecb null"],
  ["aes-lrw-benbi", 32, "aes lrw benbi"],
  ["aes-lrw-benbi", 48, "aes lrw benbi"],
  ["aes-lrw-plain64", 32, "aes lrw plain64"],
  ["serpent-lrw-benbi", 48, "serpent lrw benbi"],
  ["serpent-xts-plain64", 64, "serpent xts plain64"],
  ["twofish-cbc-essiv:sha256", 32, "twofish cbc essiv sha256"],
  ["twofish-xts-plain64", 64, "twofish xts plain64"],
  ["camellia-xts-plain64", 64, "camellia xts plain64"],
  ["aria-xts-plain64", 64, "aria xts plain64"],
  ["sm4-xts-plain64", 32, "sm4 xts plain64"],
  ["capi:xts(aes)-plain64", 64, "aes xts plain64"],
  ["capi:cbc(aes)-essiv:sha256", 32, "aes cbc essiv sha256"],
  ["capi:cbc(aes)-essiv:sha3-256", 32, "aes cbc essiv sha3-256"],
  ["capi:essiv(cbc(aes),sha256)-plain64", 32, "aes cbc essiv sha256"],
  ["capi:ecb(twofish)", 32, "twofish ecb null"],
] as const) {
  test(`${text} with ${keyBytes * 8} bits is ${expected}`, () => assert.equal(short(text, keyBytes), expected));
}

test("sector numbers count 512 bytes whatever the sector size", () => {
  for (const size of [512, 1024, 2048, 4096]) assert.equal(short("aes-xts-plain64", 64, size), "aes xts plain64");
});

for (const [text, keyBytes, reason] of [
  ["xchacha12,aes-adiantum-plain64", 32, "wide-block ciphers are not read here"],
  ["xchacha20,aes-adiantum-plain64", 32, "wide-block ciphers are not read here"],
  ["aes-adiantum-plain64", 32, "wide-block ciphers are not read here"],
  ["aes-hctr2-plain64", 32, "wide-block ciphers are not read here"],
  ["capi:adiantum(xchacha12,aes)-plain64", 32, "wide-block ciphers are not read here"],
  ["aegis128-random", 16, "authenticated encryption (integrity) is not read here"],
  ["aes-gcm-random", 32, "authenticated encryption (integrity) is not read here"],
  ["aes-ccm-random", 32, "authenticated encryption (integrity) is not read here"],
  ["chacha20-poly1305-random", 32, "authenticated encryption (integrity) is not read here"],
  ["capi:authenc(hmac(sha256),xts(aes))-random", 96, "authenticated encryption (integrity) is not read here"],
  ["capi:rfc7539(chacha20,poly1305)-random", 32, "authenticated encryption (integrity) is not read here"],
  ["aes-xts-random", 64, "random initial vectors belong to authenticated encryption, which is not read here"],
  ["paes-xts-plain64", 128, "the volume key is one that only the mainframe's hardware can use"],
  ["capi:xts(paes)-plain64", 128, "the volume key is one that only the mainframe's hardware can use"],
  ["aes:64-cbc-lmk", 1024, "ciphers with several keys (loop-AES) are not read here"],
  ["aes-cbc-tcw", 48, "volumes of loop-AES and TrueCrypt are not read here"],
  ["aes-cbc-eboiv", 32, "the initial vectors are not read here"],
  ["aes-cbc-", 32, "it says nothing about initial vectors"],
  ["aes-xts", 64, "it says nothing about initial vectors"],
  ["capi:xts(aes)", 64, "it says nothing about initial vectors"],
  ["aes-cbc-essiv", 32, "essiv needs a hash"],
  ["aes-cbc-essiv:", 32, "essiv needs a hash"],
  ["aes-cbc-essiv:tiger", 32, "the hash tiger of essiv is not known here"],
  ["aes-cbc-essiv:sha1", 32, "essiv:sha1 gives no key that aes can use"],
  ["aes-cbc-essiv:sha512", 32, "essiv:sha512 gives no key that aes can use"],
  ["sm4-cbc-essiv:sha256", 16, "essiv:sha256 gives no key that sm4 can use"],
  ["capi:essiv(cbc(aes),sha256)-plain", 32, "essiv of other sector numbers than plain64 is not read here"],
  ["capi:xts-aes-aesni-plain64", 64, "this name of the kernel's is not read here"],
  ["blowfish-cbc-plain64", 16, "the cipher is not read here"],
  ["cast5-cbc-essiv:sha256", 16, "the cipher is not read here"],
  ["cast6-xts-plain64", 64, "the cipher is not read here"],
  ["des3_ede-cbc-plain", 24, "the cipher is not read here"],
  ["seed-cbc-plain", 16, "the cipher is not read here"],
  ["kuznyechik-xts-plain64", 64, "the cipher is not read here"],
  ["AES-xts-plain64", 64, "the cipher is not read here"],
  ["", 64, "the cipher is not read here"],
  ["-", 64, "the cipher is not read here"],
  ["capi:", 64, "this name of the kernel's is not read here"],
  ["aes-ctr-plain64", 32, "the mode of operation is not read here"],
  ["aes-xts-plain128", 64, "the initial vectors are not read here"],
  ["aes-xts-plain64", 40, "a key of 320 bits is not possible for aes-xts"],
  ["aes-cbc-plain64", 64, "a key of 512 bits is not possible for aes-cbc"],
  ["aes-lrw-benbi", 16, "a key of 128 bits is not possible for aes-lrw"],
  ["aes-xts-plain64", 0, "a key of 0 bits is not possible for aes-xts"],
] as const) {
  test(`${text || "no name"} with ${keyBytes * 8} bits is not read, and says why`, () => {
    assert.equal(short(text, keyBytes), `cipher ${text}: ${reason}`);
  });
}

test("sectors of a size that dm-crypt does not have are not read", () => {
  for (const size of [0, 256, 513, 768, 8192]) {
    assert.equal(
      short("aes-xts-plain64", 64, size),
      `cipher aes-xts-plain64: sectors of ${size} bytes are not read here`,
    );
  }
});

test("null ciphers, however they are written, encrypt nothing", () => {
  for (const text of [
    "null",
    "cipher_null",
    "cipher_null-ecb",
    "cipher_null-cbc-plain",
    "capi:ecb(cipher_null)-null",
  ]) {
    assert.equal(short(text, 0), `cipher ${text} leaves everything as it is`);
  }
});

test("a name is made visible and cut before it is shown", () => {
  assert.equal(short("evil\x1b[2J\u202e", 32), "cipher evil\\x1b[2J\\u{202e}: the cipher is not read here");
  assert.ok(short(`x${"y".repeat(100_000)}`, 32).length < 200);
});

test("no text makes it throw, and what it gives can be opened", () => {
  const words = fc.constantFrom(
    ..."aes serpent xts cbc lrw ecb plain plain64 benbi essiv :sha256 : - ( ) , capi: null random essiv(".split(" "),
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 8 }).map((parts) => parts.join("")),
  );
  const joined = fc.array(words, { maxLength: 6 }).map((parts) => parts.join("-"));
  const survives = (text: string, keyBytes: number): void => void short(text, keyBytes);
  fc.assert(fc.property(fc.oneof(texts, joined), fc.constantFrom(0, 7, 16, 32, 48, 64), survives), { numRuns: 300 });
});
