import assert from "node:assert/strict";
import { test } from "node:test";

import { isZero } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { keyslotAt, makeLuks1 } from "#testing/volumes/luks1-maker.ts";
import { editedSample, sampleMake, sampleMaterial, sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { readLuks1 } from "#volume/luks1/header.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const limit = { memoryKiB: 1024 * 1024, seconds: 10 };
const { volumeKey, plaintext, payloadSectors } = sampleMake;

async function read(bytes: Uint8Array): Promise<EncryptedHeader> {
  return readSource(memorySource(bytes));
}

async function readSource(source: VolumeSource): Promise<EncryptedHeader> {
  const header = await readLuks1(source, signal);
  assert.ok(header !== null);
  return header;
}

function passphrase(text: string): VolumeSecret & { kind: "passphrase" } {
  return { kind: "passphrase", secret: new Secret(utf8(text)) };
}

test("each passphrase opens its keyslot, the volume key decrypts the payload, and disposing wipes it", async () => {
  const header = await read(sampleVolume);
  for (const [text, id] of [
    ["dear", "keyslot 1"],
    ["cheap", "keyslot 3"],
    ["middle", "keyslot 6"],
  ] as const) {
    for (const kind of ["passphrase", "key-file"] as const) {
      const secret: VolumeSecret = { kind, secret: new Secret(utf8(text)) };
      const unlocked = await header.unlock(secret, { kdf: new Pbkdf2Deriver(), limit, only: null }, signal);
      assert.equal(unlocked.protector?.id, id);
      const [key] = unlocked.volumeKeys;
      assert.deepEqual(key?.bytes, volumeKey);
      unlocked[Symbol.dispose]();
      assert.ok(isZero(key?.bytes ?? Uint8Array.of(1)));
    }
  }
  const mapping = header.mapping(sampleVolume.length);
  const [spec] = mapping.ciphers;
  assert.ok(spec !== undefined);
  using cipher = openSectorCipher(spec, volumeKey);
  const sectors = sampleVolume.slice(payloadSectors * 512);
  cipher.decrypt(sectors, 0n);
  assert.deepEqual(sectors, plaintext);
});

test("tries the cheapest keyslot first, only those that it is told to, and wipes all that it derived", async () => {
  const header = await read(sampleVolume);
  const secret = passphrase("dear");
  assert.deepEqual(
    header.protectorsFor(secret).map(({ id }) => id),
    ["keyslot 3", "keyslot 6", "keyslot 1"],
  );
  const kdf = new Pbkdf2Deriver();
  using unlocked = await header.unlock(secret, { kdf, limit, only: null }, signal);
  assert.equal(unlocked.protector?.id, "keyslot 1");
  const rounds = kdf.requests.map((request) => (request.kind === "pbkdf2" ? request.iterations : 0));
  assert.deepEqual(rounds, [1000, 1100, 2000, 1100, 3000, 1100]);
  for (const given of kdf.given) assert.ok(isZero(given.bytes));
  const candidates = kdf.tried.filter((one) => one !== secret.secret);
  assert.equal(candidates.length, 3);
  for (const candidate of candidates) assert.ok(isZero(candidate.bytes), "a candidate for the volume key");

  const one = new Pbkdf2Deriver();
  const terms = { kdf: one, limit, only: "keyslot 6" };
  await assert.rejects(header.unlock(secret, terms, signal), { code: "SECRET_REJECTED", message: /open keyslot 6\.$/ });
  assert.equal(one.requests.length, 2);
  const none = { kdf: one, limit, only: "keyslot 0" };
  await assert.rejects(header.unlock(secret, none, signal), { code: "SECRET_REJECTED", message: /no keyslot 0/ });
});

test("a wrong secret, and one of a kind that LUKS does not have, are rejected", async () => {
  const header = await read(sampleVolume);
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  const wrong = header.unlock(passphrase("wrong"), terms, signal);
  await assert.rejects(wrong, { code: "SECRET_REJECTED", message: /keyslot 3, keyslot 6, keyslot 1/ });
  for (const secret of [
    { kind: "none" },
    { kind: "recovery-password", secret: new Secret(utf8("0")) },
    { kind: "startup-key", secret: new Secret(utf8("0")) },
  ] as const) {
    assert.deepEqual(header.protectorsFor(secret), []);
    await assert.rejects(header.unlock(secret, terms, signal), { code: "SECRET_REJECTED" });
  }
});

test("the volume key itself is verified by the digest", async () => {
  const header = await read(sampleVolume);
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  using given = new Secret(volumeKey.slice());
  const unlocked = await header.unlock({ kind: "volume-key", secret: given }, terms, signal);
  assert.equal(unlocked.protector, null);
  assert.deepEqual(unlocked.volumeKeys[0]?.bytes, volumeKey);
  unlocked[Symbol.dispose]();
  assert.deepEqual(given.bytes, volumeKey, "the one that was given stays its owner's");

  const other = new Secret(volumeKey.with(3, (volumeKey[3] ?? 0) ^ 1));
  const short = new Secret(volumeKey.slice(1));
  const rejected = header.unlock({ kind: "volume-key", secret: other }, terms, signal);
  await assert.rejects(rejected, { code: "SECRET_REJECTED" });
  const invalid = header.unlock({ kind: "volume-key", secret: short }, terms, signal);
  await assert.rejects(invalid, { code: "SECRET_INVALID", message: /15 bytes, this volume's has 16/ });
});

test("what costs too much is refused before anything is derived, the digest's rounds counted in", async () => {
  const greatest = 0xffffffff;
  const costly = await read(
    editedSample((_, view) => [1, 6].forEach((n) => view.setUint32(keyslotAt(n) + 4, greatest))),
  );
  const kdf = new Pbkdf2Deriver();
  const terms = { kdf, limit, only: null };
  using cheap = await costly.unlock(passphrase("cheap"), terms, signal);
  assert.equal(cheap.protector?.id, "keyslot 3");
  assert.equal(kdf.requests.length, 2);
  const rejected = costly.unlock(passphrase("dear"), terms, signal);
  await assert.rejects(rejected, { code: "KDF_TOO_COSTLY", message: /keyslot [16]/ });
  assert.equal(kdf.requests.length, 4, "the cheap one was tried");

  const digest = await read(editedSample((_, view) => view.setUint32(164, greatest)));
  const unpaid = new Pbkdf2Deriver();
  const unpaidTerms = { kdf: unpaid, limit, only: null };
  await assert.rejects(digest.unlock(passphrase("cheap"), unpaidTerms, signal), { code: "KDF_TOO_COSTLY" });
  const key: VolumeSecret = { kind: "volume-key", secret: new Secret(volumeKey.slice()) };
  await assert.rejects(digest.unlock(key, unpaidTerms, signal), { code: "KDF_TOO_COSTLY" });
  assert.equal(unpaid.requests.length, 0);
});

test("a null cipher is told, opens with the empty secret or none, and maps what is stored", async () => {
  const nullMake = { ...sampleMake, cipherName: "cipher_null", cipherMode: "ecb" };
  const header = await read(makeLuks1({ ...nullMake, keyslots: [{ number: 0, passphrase: "", iterations: 1000 }] }));
  assert.deepEqual(
    header.facts.warnings.map(({ code }) => code),
    ["NULL_CIPHER", "NOT_ENCRYPTED"],
  );
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  for (const secret of [{ kind: "none" }, passphrase("")] as const) {
    using unlocked = await header.unlock(secret, terms, signal);
    assert.equal(unlocked.protector?.id, "keyslot 0");
    assert.deepEqual(unlocked.volumeKeys, []);
  }
  await assert.rejects(header.unlock(passphrase("any"), terms, signal), { code: "SECRET_REJECTED" });
  const mapping = header.mapping(sampleVolume.length);
  assert.deepEqual(mapping.ciphers, []);
  assert.deepEqual(mapping.stretches[0]?.content, { kind: "plain", sourceOffsetBytes: payloadSectors * 512 });
});

test("a damaged keyslot is shown and passed over, and the others open", async () => {
  const header = await read(
    editedSample((_, view) => {
      view.setUint32(keyslotAt(3), 0x00ac71f2);
      view.setUint32(keyslotAt(6) + 4, 0);
    }),
  );
  const [one, three, six] = header.facts.protectors;
  assert.equal(one?.unusable, null);
  assert.match(three?.unusable ?? "", /state 0xac71f2/);
  assert.match(six?.unusable ?? "", /0 iterations/);
  assert.deepEqual(
    header.facts.warnings.map(({ code, message }) => [code, message.split(":")[0]]),
    [
      ["ENTRY_IGNORED", "keyslot 3"],
      ["ENTRY_IGNORED", "keyslot 6"],
    ],
  );
  const kdf = new Pbkdf2Deriver();
  using unlocked = await header.unlock(passphrase("dear"), { kdf, limit, only: null }, signal);
  assert.equal(unlocked.protector?.id, "keyslot 1");
  assert.equal(kdf.requests.length, 2);
});

test("a rejection by whirlpool says that an old library's may have made the volume", async () => {
  const header = await read(editedSample((bytes) => bytes.set(utf8("whirlpool\0"), 72)));
  const kdf: KeyDeriver = {
    derive: (request) => Promise.resolve(new Secret(new Uint8Array("keyBytes" in request ? request.keyBytes : 0))),
  };
  const terms = { kdf, limit: { ...limit, seconds: 1000 }, only: null };
  const found = { code: "SECRET_REJECTED", message: /keyslot 1; or it was made with libgcrypt before 1\.6/ };
  await assert.rejects(header.unlock(passphrase("dear"), terms, signal), found);
  const usual = (await read(sampleVolume)).unlock(passphrase("none"), terms, signal);
  await assert.rejects(usual, { code: "SECRET_REJECTED", message: /keyslot 1\.$/ });
});

test("where all keyslots are damaged, the header is, and not the secret wrong", async () => {
  const header = await read(
    editedSample((_, view) => {
      for (const slot of [1, 3, 6]) view.setUint32(keyslotAt(slot) + 4, 0);
    }),
  );
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  const found = { code: "HEADER_CORRUPT", message: /no secret can be tried: keyslot 1: .*0 iterations.*; keyslot 3: / };
  await assert.rejects(header.unlock(passphrase("dear"), terms, signal), found);
  const asked = header.unlock(passphrase("dear"), { ...terms, only: "keyslot 3" }, signal);
  await assert.rejects(asked, { code: "HEADER_CORRUPT", message: /: keyslot 3: / });
});

test("key material that the volume is too short for, or that changed since, is a damaged header", async () => {
  const { offsetBytes, lengthBytes } = sampleMaterial(6);
  const cut = memorySource(sampleVolume.slice(0, offsetBytes + lengthBytes - 1));
  await assert.rejects(readLuks1(cut, signal), { code: "HEADER_CORRUPT", message: /key material of keyslot 6 ends/ });

  const bytes = sampleVolume.slice();
  let current = memorySource(bytes);
  const header = await readSource({ ...current, read: (at, length, until) => current.read(at, length, until) });
  current = memorySource(
    editedSample((later) => later.fill(0, sampleMaterial(3).offsetBytes, sampleMaterial(3).offsetBytes + 9)),
  );
  const kdf = new Pbkdf2Deriver();
  const opening = header.unlock(passphrase("cheap"), { kdf, limit, only: null }, signal);
  await assert.rejects(opening, { code: "HEADER_CORRUPT", message: /keyslot 3 is not what it was/ });
  assert.equal(kdf.requests.length, 0);
});

test("a volume without a keyslot in use has no way in but the volume key", async () => {
  const header = await read(makeLuks1({ ...sampleMake, keyslots: [] }));
  assert.deepEqual(header.facts.protectors, []);
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  await assert.rejects(header.unlock(passphrase("dear"), terms, signal), {
    code: "SECRET_REJECTED",
    message: /it has no keyslot that is in use/,
  });
  using unlocked = await header.unlock({ kind: "volume-key", secret: new Secret(volumeKey.slice()) }, terms, signal);
  assert.equal(unlocked.volumeKeys.length, 1);
});

test("an abort ends an unlock between keyslots", async () => {
  const header = await read(sampleVolume);
  const controller = new AbortController();
  const kdf = new Pbkdf2Deriver();
  const aborting = {
    derive: (...args: Parameters<Pbkdf2Deriver["derive"]>) => {
      if (kdf.requests.length === 1) controller.abort();
      return kdf.derive(...args);
    },
  };
  const terms = { kdf: aborting, limit, only: null };
  await assert.rejects(header.unlock(passphrase("dear"), terms, controller.signal), { code: "CANCELLED" });
  assert.equal(kdf.requests.length, 1);
});

test("key material on a bad sector locks out its keyslot only, and is not among the header's bytes", async () => {
  const source = memorySource(sampleVolume);
  const { offsetBytes: from } = sampleMaterial(3);
  const bad: VolumeSource = {
    ...source,
    read: async (at, length, aborted) => {
      if (at <= from && from < at + length) throw new LockstepError("DISK_UNREADABLE", "bad sector");
      return source.read(at, length, aborted);
    },
  };
  const header = await readSource(bad);
  const { protectors, warnings, headerRanges } = header.facts;
  assert.deepEqual(
    protectors.map(({ id, unusable }) => [id, unusable]),
    [
      ["keyslot 1", null],
      ["keyslot 3", "its key material cannot be read"],
      ["keyslot 6", null],
    ],
  );
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["ENTRY_IGNORED"],
  );
  for (const { offsetBytes, lengthBytes } of headerRanges) await bad.read(offsetBytes, lengthBytes, signal);
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  using unlocked = await header.unlock(passphrase("middle"), terms, signal);
  assert.equal(unlocked.protector?.id, "keyslot 6");
  await assert.rejects(header.unlock(passphrase("cheap"), terms, signal), { code: "SECRET_REJECTED" });
});
