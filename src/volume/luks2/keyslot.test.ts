import assert from "node:assert/strict";
import { test } from "node:test";

import { AREA_BYTES, HEADER_BYTES, put } from "#testing/volumes/luks2-maker.ts";
import { headerOf, luks2Sample, passphrase, signal, terms } from "#testing/volumes/luks2-sample.ts";
import { unlockWithin } from "#volume/header/unlock-within.ts";

const unknown: Readonly<Record<string, readonly [string, string | number, RegExp]>> = {
  kdf: ["kdf.type", "scrypt", /key derivation scrypt is not known/],
  hash: ["kdf.hash", "stribog512", /the hash stribog512 of its key derivation/],
  af: ["af.hash", "tiger", /its hash tiger/],
  "old whirlpool": ["af.hash", "whirlpool_gcryptbug", /its hash whirlpool_gcryptbug/],
  area: ["area.encryption", "cast5-cbc-plain64", /its area: cipher cast5-cbc-plain64/],
  "key of the area": ["area.key_size", 31, /its area: /],
};

const impossible: Readonly<Record<string, readonly [string, string | number, RegExp]>> = {
  iterations: ["kdf.iterations", 0, /0 iterations are not possible/],
  "number of iterations": ["kdf.iterations", 2 ** 32, /4294967296 iterations are not possible/],
  salt: ["kdf.salt", "AAAA", /salt is not 32 bytes/],
  "salt's base64": ["kdf.salt", "?".repeat(44), /salt is not 32 bytes/],
  "offset of its area": [
    "area.offset",
    String(2 * HEADER_BYTES + AREA_BYTES + 1),
    /its area begins in the middle of a sector/,
  ],
  "size of its area": ["area.size", "4096", /its area has 4096 bytes, its key takes 128000/],
  "size of its key": ["key_size", 2 ** 32 - 1, /its key takes 17179869180416/],
  "length of its key": ["key_size", 0, /a key of 0 bytes/],
};

for (const [code, reasons] of [["VOLUME_UNSUPPORTED", unknown] as const, ["HEADER_CORRUPT", impossible] as const]) {
  for (const [name, [member, value, message]] of Object.entries(reasons)) {
    test(`${name}: a keyslot on which nothing can be tried says why, and the secret is not called wrong`, async () => {
      const maker = luks2Sample.copy();
      put(maker.json, `keyslots.1.${member}`, value);
      const header = await headerOf(maker.written());
      const [, protector] = header.facts.protectors;
      assert.match(protector?.unusable ?? "", message);
      assert.equal(protector?.cost, null);
      const asked = header.unlock(passphrase("second"), terms({ only: "keyslot 1" }), signal);
      await assert.rejects(asked, { code, message });
      assert.deepEqual(
        header.protectorsFor({ kind: "passphrase" }).map(({ id }) => id),
        ["keyslot 0"],
      );
      put(maker.json, "keyslots.0.priority", 0);
      const alone = await headerOf(maker.written());
      await assert.rejects(
        alone.unlock(passphrase("second"), terms(), signal),
        { code, message },
        "not a wrong secret",
      );
    });
  }
}

test("where one keyslot is damaged and another of an unknown kind, another program may still open the volume", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "keyslots.0.kdf.salt", "AAAA");
  put(maker.json, "keyslots.1.kdf.type", "scrypt");
  await assert.rejects((await headerOf(maker.written())).unlock(passphrase("first"), terms(), signal), {
    code: "VOLUME_UNSUPPORTED",
    message: /no secret can be tried: keyslot 0: its salt is .*; keyslot 1: its key derivation scrypt/,
  });
});

test("rounds beyond 2^31 are refused by their cost, before they are paid", async () => {
  const maker = luks2Sample.copy();
  for (const number of [0, 1]) put(maker.json, `keyslots.${number}.kdf.iterations`, 2 ** 31);
  await assert.rejects((await headerOf(maker.written())).unlock(passphrase("first"), terms(), signal), {
    code: "KDF_TOO_COSTLY",
    message: /keyslot 0: pbkdf2 with 2147483648 rounds/,
  });
});

test("a keyslot with the priority ignore is tried on request only, and the map says so", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "keyslots.1.priority", 0);
  const header = await headerOf(maker.written());
  const idsOf = (protectors: readonly { readonly id: string }[]): string[] => protectors.map(({ id }) => id);
  assert.deepEqual(idsOf(header.protectorsFor({ kind: "passphrase" })), ["keyslot 0"]);
  assert.deepEqual(idsOf(header.protectorsOnRequest({ kind: "key-file" })), ["keyslot 1"]);
  assert.deepEqual(header.protectorsOnRequest({ kind: "startup-key" }), []);
  const [warning] = header.facts.warnings;
  assert.match(warning?.message ?? "", /keyslot 1 has the priority "ignore"/);
  await assert.rejects(unlockWithin(header, passphrase("second"), terms(), signal), {
    code: "SECRET_REJECTED",
    message: /does not open keyslot 0\. Not tried: keyslot 1: its priority is "ignore"/,
  });
  using unlocked = await unlockWithin(header, passphrase("second"), terms({ only: "keyslot 1" }), signal);
  assert.equal(unlocked.protector?.id, "keyslot 1");
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
