import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { fromHex, hex } from "#bytes/text.ts";
import { decrypted, encrypted, patternBytes } from "#testing/disks/whole-sectors.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";

const aesXts: SectorCipherSpec = {
  cipher: "aes",
  mode: "xts",
  iv: { kind: "plain64" },
  keyBytes: 64,
  sectorBytes: 512,
  ivUnitBytes: 512,
  diffuser: false,
};
const aesCbc: SectorCipherSpec = { ...aesXts, mode: "cbc", keyBytes: 32 };

test("XTS: the vectors of IEEE 1619, annex B", () => {
  const plain = Uint8Array.from({ length: 512 }, (_, at) => at % 256);
  const vector4 = encrypted(
    { ...aesXts, keyBytes: 32 },
    fromHex("2718281828459045235360287471352631415926535897932384626433832795")!,
    plain,
    0n,
  );
  assert.equal(hex(vector4.subarray(0, 32)), "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c");
  const key10 = fromHex(
    "2718281828459045235360287471352662497757247093699959574966967627" +
      "3141592653589793238462643383279502884197169399375105820974944592",
  )!;
  const vector10 = encrypted(aesXts, key10, plain, 0xffn);
  assert.equal(hex(vector10.subarray(0, 32)), "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b");
  assert.deepEqual(decrypted(aesXts, key10, vector10, 0xffn), plain);
});

test("CBC: the vectors of SP 800-38A, F.2, by an initial vector that they use", () => {
  // The sector's vector is the number itself, so the first ciphertext block of F.2.1 comes from a plaintext with its IV mixed in.
  const key = fromHex("2b7e151628aed2a6abf7158809cf4f3c")!;
  const iv = fromHex("000102030405060708090a0b0c0d0e0f")!;
  const blocks = fromHex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
  )!;
  const sector = new Uint8Array(512);
  sector.set(blocks);
  for (const [at, byte] of iv.entries()) sector[at]! ^= byte;
  const spec: SectorCipherSpec = { ...aesCbc, keyBytes: 16, iv: { kind: "null" } };
  const sealed = encrypted(spec, key, sector, 0n);
  assert.equal(
    hex(sealed.subarray(0, 64)),
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" +
      "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
  );
  assert.deepEqual(decrypted(spec, key, sealed, 0n), sector);
});

// The drafts of IEEE P1619 give one block each: key, index of the block, ciphertext of "0123456789ABCDEF".
for (const [name, key, index, ciphertext] of [
  ["1", "4562ac25f828176d4c268414b5680185258e2a05e73e9d03ee5a830ccc094c87", 1n, "f1b273cd65a3df5fe95d489254634eb8"],
  ["2", "59704714f557478cd779e80f548879440d48f0b7b15a53ea1caa6b29c2cafbaf", 2n, "00c82bae95bbcde5274f0769b260e136"],
  [
    "3",
    "d82a9134b26a565030fe69e2377f9847cdf90b160c648fb6b00d0d1bae85871f",
    0x200000000n,
    "76322183ed8ff182f9596203690e5e01",
  ],
  [
    "5",
    "8ad4ee102fbd81fff886ceac93c5adc6a01907c09df7bbdd5213b2b7f0ff11d8d608d0cd2eb1176f",
    0x200000000n,
    "d4276a7f14913d65c860480287e33406",
  ],
  [
    "7",
    "fb7615b23d80891dd470980bc79584c8b2fb64ce6097878d17fce45a49e830b76e7817e72d5e12d46064047af12f9e0c",
    0x200000000n,
    "5b908ec1abdd675f3d698a9553c89ce5",
  ],
] as const) {
  test(`LRW: vector LRW-32-AES-${name} of the drafts of IEEE P1619`, () => {
    const keyBytes = key.length / 2;
    const spec: SectorCipherSpec = { ...aesXts, mode: "lrw", iv: { kind: "benbi" }, keyBytes };
    // benbi counts blocks from 1, 32 in a sector.
    const sector = (index - 1n) / 32n;
    const at = Number((index - 1n) % 32n) * 16;
    const sectors = new Uint8Array(1024);
    sectors.set(new TextEncoder().encode("0123456789ABCDEF"), at);
    const sealed = encrypted(spec, fromHex(key)!, sectors, sector);
    assert.equal(hex(sealed.subarray(at, at + 16)), ciphertext);
    assert.deepEqual(decrypted(spec, fromHex(key)!, sealed, sector), sectors);
  });
}

// SHA-256 of what libgcrypt 1.10 makes of two sectors, bytes n mod 251, from number 0x123456789 on; byte n of the key is 7n + 1.
for (const [cipher, mode, keyBytes, expected] of [
  ["serpent", "xts", 32, "1a35eb39f67f8df752667847fadd57bed745c6be92fcea9eb7f9f90cf5fcb094"],
  ["serpent", "cbc", 16, "fd76eacce451cc712c20dfb7ac2deeba0b28aad4ae1c2835b9503108e3bf4d4a"],
  ["serpent", "xts", 48, "84d403ac6eacbb22f70f9c782451b14a7d5cfc3c6da7903c79ea8e3d12af75f6"],
  ["serpent", "cbc", 24, "113dfac96373b76041b4cfd48f11b860ced145002fb3715b3780a98b67a7e41d"],
  ["serpent", "xts", 64, "e1ccd4b7e64f73d44047e8268b4bb62a9d51558818bb41d90e15a8d6eca00d7f"],
  ["serpent", "cbc", 32, "d7b1d7fc1198361158337595d6510acaa6a31f2f8abc6c3bcf93f5ca70001a61"],
  ["twofish", "xts", 32, "04f6560ef8ea64e2f13adb0b02c9ce02ed1d9ba7a7ffabb60ee828b929dd14fb"],
  ["twofish", "cbc", 16, "1573ba325b47784bc9629aabc7c251057122786c5a436834ed9d7aa718287653"],
  ["twofish", "xts", 64, "a9eb91d78ddf830c81eb8cdda119443965403d1066fd089a68e60ca36fb4debc"],
  ["twofish", "cbc", 32, "40e23dd42e6d972bf3627841331d6c85958c9cd9ea9402608745c923dba280d7"],
  ["camellia", "xts", 32, "c300525d26a86e87810a59f638bc80d1d503a3be3ae0a4d44339bd7d6e73bccb"],
  ["camellia", "xts", 64, "ede33076252f0e5927a6b9ba289c2534c0865215583cbc6f0dceeffb0a4cfb1c"],
  ["camellia", "cbc", 32, "0f0cfc2a22a6d9f060d98cb7ed7d1506bbf02222ff3932edac9cb6e46e0a0cbb"],
  ["aes", "xts", 48, "ae71a547144a8474b0505f7783fcbd0b4f86749439a97a735427611868a1633b"],
  ["sm4", "xts", 32, "84340bddfe09282bee5219e6076c7840116842316cf804415df0ba1ff3341b4d"],
] as const) {
  test(`${cipher}-${mode} with a key of ${keyBytes * 8} bits is what libgcrypt makes of it`, () => {
    const spec: SectorCipherSpec = { ...aesXts, cipher, mode, keyBytes };
    const plain = Uint8Array.from({ length: 1024 }, (_, at) => at % 251);
    const sealed = encrypted(spec, patternBytes(keyBytes), plain, 0x123456789n);
    assert.equal(createHash("sha256").update(sealed).digest("hex"), expected);
    assert.deepEqual(decrypted(spec, patternBytes(keyBytes), sealed, 0x123456789n), plain);
  });
}
