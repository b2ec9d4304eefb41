import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { pbkdf2With } from "#kdf/pbkdf2.ts";
import { hmac } from "#volume/cipher/hash.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

async function derived(request: KdfRequest, secret: string | Uint8Array): Promise<string> {
  const key = await deriveKey(request, new Secret(typeof secret === "string" ? utf8(secret) : secret.slice()));
  return hex(key.bytes);
}

function pbkdf2Request(hash: string, salt: string, iterations: number, keyBytes: number): KdfRequest {
  return { kind: "pbkdf2", hash, salt: utf8(salt), iterations, keyBytes };
}

test("derives the published PBKDF2 vectors", async () => {
  // RFC 6070, section 2
  const long = pbkdf2Request("sha1", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25);
  assert.equal(
    await derived(pbkdf2Request("sha1", "salt", 1, 20), "password"),
    "0c60c80f961f0e71f3a9b524af6012062fe037a6",
  );
  assert.equal(
    await derived(pbkdf2Request("sha1", "salt", 4096, 20), "password"),
    "4b007901b765489abead49d926f721d065a429c1",
  );
  assert.equal(await derived(long, "passwordPASSWORDpassword"), "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
  assert.equal(
    await derived(pbkdf2Request("sha1", "sa\0lt", 4096, 16), "pass\0word"),
    "56fa6aa75548099dcc37d7f03425e0c3",
  );
  // RFC 7914, section 11
  assert.equal(
    await derived(pbkdf2Request("sha256", "salt", 1, 64), "passwd"),
    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc" +
      "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
  );
});

test("derives what argon2's reference implementation does", async () => {
  // github.com/P-H-C/phc-winner-argon2, src/test.c, version 0x13
  const vectors = [
    ["argon2i", 256, 1, "89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f"],
    ["argon2i", 256, 2, "4ff5ce2769a1d7f4c8a491df09d41a9fbe90e5eb02155a13e4c01e20cd4eab61"],
    ["argon2id", 256, 1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"],
    ["argon2id", 256, 2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"],
  ] as const;
  for (const [kind, memoryKiB, lanes, key] of vectors) {
    const request: KdfRequest = { kind, memoryKiB, passes: 2, lanes, salt: utf8("somesalt"), keyBytes: 32 };
    assert.equal(await derived(request, "password"), key, `${kind} with ${lanes} lanes`);
  }
});

test("PBKDF2 written plainly gives what OpenSSL's does, for keys shorter and longer than a hash", async () => {
  const password = utf8("password");
  const salt = utf8("salt");
  const mac = (...parts: readonly Uint8Array[]): Uint8Array =>
    createHmac("sha256", password)
      .update(concat(...parts))
      .digest();
  for (const keyBytes of [1, 31, 32, 33, 64, 65]) {
    for (const iterations of [1, 2, 3, 100]) {
      const expected = pbkdf2Sync(password, salt, iterations, keyBytes, "sha256").toString("hex");
      assert.equal(hex(await pbkdf2With(mac, { salt, iterations, keyBytes })), expected, `${keyBytes}, ${iterations}`);
    }
  }
});

test("a hash that OpenSSL lacks is derived with our own, and an unknown one refused", async () => {
  const salt = utf8("salt");
  for (const password of ["password", "a longer password than a block of the hash has, which is 64 bytes"]) {
    const mac = (...parts: readonly Uint8Array[]): Uint8Array => hmac("whirlpool", utf8(password), ...parts);
    for (const [iterations, keyBytes] of [
      [1, 96],
      [3, 64],
      [50, 20],
    ] as const) {
      const expected = await pbkdf2With(mac, { salt, iterations, keyBytes });
      assert.equal(await derived(pbkdf2Request("whirlpool", "salt", iterations, keyBytes), password), hex(expected));
    }
  }
  await assert.rejects(derived(pbkdf2Request("nosuchhash", "salt", 1, 32), "p"), {
    code: "VOLUME_UNSUPPORTED",
    message: /nosuchhash/,
  });
});

test("the names that LUKS has for a hash of OpenSSL's give the same key as its own", async () => {
  const of = async (hash: string): Promise<string> => derived(pbkdf2Request(hash, "salt", 2, 32), "p");
  assert.equal(await of("SHA256"), await of("sha256"));
  assert.equal(await of("rmd160"), await of("ripemd160"));
});

test("BitLocker's stretch is the chain that its documents describe", async () => {
  const initial = createHash("sha256").update("secret").digest();
  const salt = Uint8Array.from({ length: 16 }, (_, at) => at);
  let last: Uint8Array = new Uint8Array(32);
  for (let round = 0; round < 300; round++) {
    const counter = new Uint8Array(8);
    new DataView(counter.buffer).setBigUint64(0, BigInt(round), true);
    last = createHash("sha256").update(last).update(initial).update(salt).update(counter).digest();
  }
  assert.equal(await derived({ kind: "bitlocker", rounds: 300, salt }, initial), hex(last));
});

test("leaves the secret and the salt as they are", async () => {
  const salt = Uint8Array.from({ length: 16 }, (_, at) => at);
  const secret = new Secret(new Uint8Array(32).fill(7));
  const requests: KdfRequest[] = [
    { kind: "pbkdf2", hash: "sha256", iterations: 2, salt, keyBytes: 32 },
    { kind: "argon2id", memoryKiB: 8, passes: 1, lanes: 1, salt, keyBytes: 32 },
    { kind: "bitlocker", rounds: 2, salt },
  ];
  for (const request of requests) await deriveKey(request, secret);
  assert.deepEqual(
    salt,
    Uint8Array.from({ length: 16 }, (_, at) => at),
  );
  assert.deepEqual(secret.bytes, new Uint8Array(32).fill(7));
});

test("numbers that no derivation is defined for are refused by name before any work", async () => {
  const argon2 = {
    kind: "argon2id",
    memoryKiB: 64,
    passes: 1,
    lanes: 1,
    salt: new Uint8Array(16),
    keyBytes: 32,
  } as const;
  const stretch = { kind: "bitlocker", rounds: 1, salt: new Uint8Array(16) } as const;
  const cases: [KdfRequest, RegExp][] = [
    [pbkdf2Request("sha256", "salt", 0, 32), /rounds: 0/],
    [pbkdf2Request("sha256", "salt", 1, 0), /bytes of key: 0/],
    [pbkdf2Request("sha256", "salt", 1, 2 ** 31), /bytes of key: 2147483648/],
    [{ ...argon2, lanes: 0 }, /lanes: 0/],
    [{ ...argon2, lanes: 2 ** 24, memoryKiB: 2 ** 27 }, /lanes: 16777216/],
    [{ ...argon2, lanes: 9 }, /KiB of memory: 64 is not from 72/],
    [{ ...argon2, passes: 0 }, /passes: 0/],
    [{ ...argon2, passes: 2 ** 32 }, /passes: 4294967296/],
    [{ ...argon2, salt: new Uint8Array(7) }, /bytes of salt: 7/],
    [{ ...argon2, keyBytes: 3 }, /bytes of key: 3/],
    [{ ...argon2, memoryKiB: Number.NaN }, /KiB of memory: NaN/],
    [{ ...stretch, rounds: 2 ** 32 }, /rounds: 4294967296/],
    [{ ...stretch, salt: new Uint8Array(15) }, /bytes of salt: 15/],
  ];
  for (const [request, message] of cases) {
    await assert.rejects(derived(request, new Uint8Array(32)), { code: "VOLUME_UNSUPPORTED", message });
  }
  await assert.rejects(derived(stretch, new Uint8Array(31)), { code: "VOLUME_UNSUPPORTED", message: /secret: 31/ });
});
