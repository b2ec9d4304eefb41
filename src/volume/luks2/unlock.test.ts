import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { seededRandom } from "#testing/random.ts";
import { HEADER_BYTES, Luks2Maker, objectAt, put } from "#testing/volumes/luks2-maker.ts";
import { headerOf, luks2Sample, passphrase, plaintextOf, signal, terms } from "#testing/volumes/luks2-sample.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

test("a wrong secret is rejected, and every key that was derived is wiped", async () => {
  const header = await headerOf(luks2Sample.copy().written());
  const kdf = new Pbkdf2Deriver();
  await assert.rejects(header.unlock(passphrase("third"), terms({ kdf }), signal), {
    code: "SECRET_REJECTED",
    message: /does not open keyslot 0, keyslot 1/,
  });
  assert.equal(kdf.given.length, 4);
  assert.ok(kdf.given.every((secret) => secret.bytes.every((byte) => byte === 0)));
  for (const kind of ["recovery-password", "startup-key"] as const) {
    await assert.rejects(header.unlock({ kind, secret: new Secret(utf8("x")) }, terms(), signal), {
      code: "SECRET_REJECTED",
    });
  }
  await assert.rejects(header.unlock({ kind: "none" }, terms(), signal), { code: "SECRET_REJECTED" });
});

test("the volume key itself opens the volume, and another one does not", async () => {
  const maker = luks2Sample.copy();
  const header = await headerOf(maker.written());
  const kept = (number: number): VolumeSecret => {
    return { kind: "volume-key", secret: new Secret((maker.volumeKeys[number] ?? new Uint8Array()).slice()) };
  };
  using unlocked = await header.unlock(kept(0), terms(), signal);
  assert.equal(unlocked.protector, null);
  assert.deepEqual(unlocked.volumeKeys[0]?.bytes, maker.volumeKeys[0]);
  await assert.rejects(header.unlock(kept(1), terms(), signal), { code: "SECRET_REJECTED" });
});

test("a volume without keyslots opens with its volume key, whose length nothing else says", async () => {
  const maker = Luks2Maker.make("erased", []);
  const plaintext = seededRandom("plain")(8192);
  maker.putData(plaintext);
  const key = { kind: "volume-key", secret: new Secret((maker.volumeKeys[0] ?? new Uint8Array()).slice()) } as const;
  assert.deepEqual(await plaintextOf(maker.written(), key), plaintext);
  const header = await headerOf(maker.volume);
  assert.equal(header.facts.keyBits, 0);
  await assert.rejects(header.unlock(passphrase("first"), terms(), signal), {
    code: "SECRET_REJECTED",
    message: /it has no keyslot that is in use/,
    hint: /point header/,
  });
});

test("the preferred keyslot is tried first, then the cheapest; one to be ignored only by its id", async () => {
  const maker = luks2Sample.copy();
  maker.addKeyslot({ number: 2, passphrase: "third" });
  put(maker.json, "keyslots.1.kdf.iterations", 2);
  put(maker.json, "keyslots.2.priority", 2);
  const order = async (): Promise<readonly string[]> => {
    const header = await headerOf(maker.written());
    return header.protectorsFor({ kind: "key-file" }).map(({ id }) => id);
  };
  assert.deepEqual(await order(), ["keyslot 2", "keyslot 1", "keyslot 0"]);
  put(maker.json, "keyslots.2.priority", 0);
  assert.deepEqual(await order(), ["keyslot 1", "keyslot 0"]);
  const header = await headerOf(maker.volume);
  assert.deepEqual(header.protectorsFor({ kind: "startup-key" }), []);
  await assert.rejects(header.unlock(passphrase("third"), terms(), signal), { code: "SECRET_REJECTED" });
  using unlocked = await header.unlock(passphrase("third"), terms({ only: "keyslot 2" }), signal);
  assert.equal(unlocked.protector?.id, "keyslot 2");
  await assert.rejects(header.unlock(passphrase("first"), terms({ only: "keyslot 2" }), signal), {
    code: "SECRET_REJECTED",
  });
  await assert.rejects(header.unlock(passphrase("first"), terms({ only: "keyslot 9" }), signal), {
    code: "SECRET_REJECTED",
  });
});

test("a derivation that costs too much is refused before it is begun, and cheaper keyslots are still tried", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "keyslots.0.kdf", {
    type: "argon2id",
    time: 4,
    memory: 4 * 1024 * 1024,
    cpus: 4,
    salt: "A".repeat(43) + "=",
  });
  const header = await headerOf(maker.written());
  const kdf = new Pbkdf2Deriver();
  await assert.rejects(header.unlock(passphrase("first"), terms({ kdf }), signal), {
    code: "KDF_TOO_COSTLY",
    message: /keyslot 0/,
  });
  assert.equal(kdf.requests.length, 2);
  using unlocked = await header.unlock(passphrase("second"), terms(), signal);
  assert.equal(unlocked.protector?.id, "keyslot 1");
  assert.equal(header.facts.protectors[0]?.cost?.memoryKiB, 4 * 1024 * 1024);
});

test("a digest that takes too many rounds is part of the cost", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "digests.0.iterations", 2 ** 31 - 1);
  const header = await headerOf(maker.written());
  const kdf = new Pbkdf2Deriver();
  await assert.rejects(header.unlock(passphrase("first"), terms({ kdf }), signal), { code: "KDF_TOO_COSTLY" });
  const key: VolumeSecret = { kind: "volume-key", secret: new Secret(new Uint8Array(32)) };
  await assert.rejects(header.unlock(key, terms({ kdf }), signal), { code: "KDF_TOO_COSTLY" });
  assert.equal(kdf.requests.length, 0);
});

test("stripes are 4000 whatever the header says", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "keyslots.0.af.stripes", 1);
  const header = await headerOf(maker.written());
  using unlocked = await header.unlock(passphrase("first"), terms(), signal);
  assert.equal(unlocked.protector?.id, "keyslot 0");
});

test("white space in base64 is passed over", async () => {
  const maker = luks2Sample.copy();
  for (const path of ["keyslots.0.kdf.salt", "digests.0.salt", "digests.0.digest"]) {
    const [parent = "", member = ""] = path.split(/\.(?=[^.]*$)/);
    const text = objectAt(maker.json, parent)[member];
    assert.ok(typeof text === "string");
    put(maker.json, path, ` ${text}\n`);
  }
  const header = await headerOf(maker.written());
  using unlocked = await header.unlock(passphrase("first"), terms(), signal);
  assert.equal(unlocked.protector?.id, "keyslot 0");
});

test("key material on a bad sector locks out its keyslot only", async () => {
  const maker = luks2Sample.copy();
  const source = memorySource(maker.written());
  const bad: VolumeSource = {
    ...source,
    read: async (at, length, aborted) => {
      const from = 2 * HEADER_BYTES + 5000;
      if (at <= from && from < at + length) throw new LockstepError("DISK_UNREADABLE", "bad sector");
      return source.read(at, length, aborted);
    },
  };
  const header = await headerOf(bad);
  assert.match(header.facts.protectors[0]?.unusable ?? "", /cannot be read/);
  const { headerRanges } = header.facts;
  for (const { offsetBytes, lengthBytes } of headerRanges) await bad.read(offsetBytes, lengthBytes, signal);
  using unlocked = await header.unlock(passphrase("second"), terms(), signal);
  assert.equal(unlocked.protector?.id, "keyslot 1");
});

test("a header on a bad sector is not among the bytes that an unlock needs, and the other one alone opens the volume", async () => {
  const volume = luks2Sample.copy().written();
  const source = memorySource(volume);
  for (const from of [512, HEADER_BYTES + 512]) {
    const bad: VolumeSource = {
      ...source,
      read: async (at, length, aborted) => {
        if (at <= from && from < at + length) throw new LockstepError("DISK_UNREADABLE", "bad sector");
        return source.read(at, length, aborted);
      },
    };
    const stored = new Uint8Array(volume.length);
    for (const { offsetBytes, lengthBytes } of (await headerOf(bad)).facts.headerRanges) {
      stored.set(await bad.read(offsetBytes, lengthBytes, signal), offsetBytes);
    }
    using unlocked = await (await headerOf(stored)).unlock(passphrase("first"), terms(), signal);
    assert.equal(unlocked.protector?.id, "keyslot 0");
  }
});

test("key material that changed since the header was read is refused", async () => {
  const maker = luks2Sample.copy();
  const volume = maker.written();
  const source: VolumeSource = { ...memorySource(volume), read: async (at, length) => volume.slice(at, at + length) };
  const header = await headerOf(source);
  volume.fill(0, 2 * HEADER_BYTES, 2 * HEADER_BYTES + 512);
  await assert.rejects(header.unlock(passphrase("first"), terms(), signal), {
    code: "HEADER_CORRUPT",
    message: /keyslots\.0: its key material/,
  });
});

test("an aborted unlock says so", async () => {
  const header = await headerOf(luks2Sample.copy().written());
  await assert.rejects(header.unlock(passphrase("first"), terms(), AbortSignal.abort()), { code: "CANCELLED" });
});

test("the keys of an unlocked volume are wiped with it", async () => {
  const header = await headerOf(luks2Sample.copy().written());
  const unlocked = await header.unlock(passphrase("first"), terms(), signal);
  unlocked[Symbol.dispose]();
  assert.ok(unlocked.volumeKeys[0]?.bytes.every((byte) => byte === 0));
});
