import assert from "node:assert/strict";
import { test } from "node:test";

import { AREA_BYTES, HEADER_BYTES, put } from "#testing/volumes/luks2-maker.ts";
import { headerOf, luks2Sample, passphrase, signal, terms } from "#testing/volumes/luks2-sample.ts";

test("a keyslot on which nothing can be tried says why, and is not tried", async () => {
  const reasons: Readonly<Record<string, readonly [string, string | number, RegExp]>> = {
    kdf: ["kdf.type", "scrypt", /key derivation scrypt is not known/],
    hash: ["kdf.hash", "md4", /the hash md4 of its key derivation/],
    iterations: ["kdf.iterations", 0, /0 iterations are not possible/],
    "too many iterations": ["kdf.iterations", 2 ** 31, /2147483648 iterations are not possible/],
    salt: ["kdf.salt", "AAAA", /salt is not 32 bytes/],
    base64: ["kdf.salt", "?".repeat(44), /salt is not 32 bytes/],
    af: ["af.hash", "md4", /its hash md4/],
    area: ["area.encryption", "aes-gcm-random", /its area: /],
    "key of the area": ["area.key_size", 31, /its area: /],
    "an area at no sector's start": [
      "area.offset",
      String(2 * HEADER_BYTES + AREA_BYTES + 1),
      /its area begins in the middle of a sector/,
    ],
    "a small area": ["area.size", "4096", /its area has 4096 bytes, its key takes 128000/],
    "a large key": ["key_size", 2 ** 32 - 1, /its key takes 17179869180416/],
    "no key": ["key_size", 0, /a key of 0 bytes/],
  };
  for (const [name, [member, value, message]] of Object.entries(reasons)) {
    const maker = luks2Sample.copy();
    put(maker.json, `keyslots.1.${member}`, value);
    const header = await headerOf(maker.written());
    const [, protector] = header.facts.protectors;
    assert.match(protector?.unusable ?? "", message, name);
    assert.equal(protector?.cost, null, name);
    await assert.rejects(
      header.unlock(passphrase("second"), terms({ only: "keyslot 1" }), signal),
      { code: "VOLUME_UNSUPPORTED", message },
      name,
    );
    assert.deepEqual(
      header.protectorsFor({ kind: "passphrase" }).map(({ id }) => id),
      ["keyslot 0"],
      name,
    );
  }
});

test("argon2 with numbers that it does not take says so", async () => {
  for (const [time, memory, cpus] of [
    [0, 64, 1],
    [1, 7, 1],
    [1, 64, 0],
    [1, 64, 9],
    [2 ** 32, 64, 1],
    [-1, 64, 1],
  ] as const) {
    const maker = luks2Sample.copy();
    put(maker.json, "keyslots.1.kdf", { type: "argon2i", time, memory, cpus, salt: "A".repeat(43) + "=" });
    const { facts } = await headerOf(maker.written());
    assert.match(facts.protectors[1]?.unusable ?? "", /argon2i with time/);
  }
});

test("a keyslot in plain is never opened, so that no header with one accepts every passphrase", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "keyslots.0.area.encryption", "cipher_null-ecb");
  const header = await headerOf(maker.written());
  assert.match(header.facts.protectors[0]?.unusable ?? "", /not encrypted \(cipher_null-ecb\)/);
  assert.deepEqual(
    header.facts.warnings.map(({ code }) => code),
    ["NULL_CIPHER"],
  );
  for (const text of ["", "first"]) {
    await assert.rejects(header.unlock(passphrase(text), terms(), signal), { code: "SECRET_REJECTED" });
  }
});

test("a keyslot with a key of no segment, and one of an unknown type, are shown and not tried", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "digests.1", maker.digest(1));
  maker.addKeyslot({ number: 2, passphrase: "third", digest: 1 });
  put(maker.json, "keyslots.2.area.size", String(AREA_BYTES - 512));
  const unknown = {
    type: "x",
    key_size: 1,
    area: { type: "y", offset: String(2 * HEADER_BYTES + 3 * AREA_BYTES - 512), size: "512" },
  };
  put(maker.json, "keyslots.3", unknown);
  const header = await headerOf(maker.written());
  assert.match(header.facts.protectors[2]?.unusable ?? "", /belongs to no segment/);
  assert.match(header.facts.protectors[3]?.unusable ?? "", /its type x is not known/);
  assert.equal(header.facts.protectors[3]?.kind, "unknown");
  await assert.rejects(header.unlock(passphrase("third"), terms(), signal), { code: "SECRET_REJECTED" });
});
