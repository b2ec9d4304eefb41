import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat, equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import {
  bekFile,
  bytesFrom,
  cheapKdf,
  entry,
  recoveryText,
  sealedEntry,
  u32,
} from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { bitlockerHeader, guidOf } from "#testing/volumes/bitlocker-header.ts";
import { ENCRYPT_ON_WRITE, forge, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import type { BitlockerRecipe, MadeVolume } from "#testing/volumes/bitlocker-maker.ts";
import type { UnlockTerms, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";

const signal = new AbortController().signal;
const bek = bytesFrom("bek", 32);
const protectors: readonly MadeProtector[] = [
  { kind: "raw", guid: guidOf(9), protection: 0x0100, properties: new Uint8Array() },
  { kind: "password", guid: guidOf(1), password: "correct horse" },
  { kind: "recovery-password", guid: guidOf(2), shorts: [1, 2, 3, 4, 5, 6, 7, 8] },
  { kind: "recovery-password", guid: guidOf(3), shorts: [65535, 0, 9, 8, 7, 6, 5, 4] },
  { kind: "startup-key", guid: guidOf(4), key: bek },
  { kind: "clear-key", guid: guidOf(5), key: bytesFrom("clear", 32) },
];
const made = makeBitlocker({ protectors });

const passphrase = (text: string): VolumeSecret => ({ kind: "passphrase", secret: new Secret(utf8(text)) });
const recovery = (shorts: readonly number[]): VolumeSecret => {
  return { kind: "recovery-password", secret: new Secret(utf8(recoveryText(shorts))) };
};
const startup = (file: Uint8Array): VolumeSecret => ({
  kind: "startup-key",
  secret: new Secret(Uint8Array.from(file)),
});
const volumeKey = (key: Uint8Array): VolumeSecret => ({ kind: "volume-key", secret: new Secret(Uint8Array.from(key)) });

const noKdf: KeyDeriver = { derive: () => assert.fail("a key was derived") };

async function unlock(
  image: Uint8Array,
  secret: VolumeSecret,
  more: Partial<UnlockTerms> = {},
): Promise<UnlockedVolume> {
  const terms = { kdf: cheapKdf, limit: { memoryKiB: 0, seconds: 60 }, only: null, ...more };
  return (await bitlockerHeader(memorySource(image))).unlock(secret, terms, signal);
}

for (const [name, secret, opened] of [
  ["a password", passphrase("correct horse"), guidOf(1)],
  ["a recovery password", recovery([1, 2, 3, 4, 5, 6, 7, 8]), guidOf(2)],
  ["the second recovery password", recovery([65535, 0, 9, 8, 7, 6, 5, 4]), guidOf(3)],
  ["a startup key", startup(bekFile(guidOf(4), bek)), guidOf(4)],
  ["nothing, where there is a clear key", { kind: "none" }, guidOf(5)],
  ["the volume key", volumeKey(made.volumeKey), null],
] as const) {
  test(`${name} opens the volume, and it is said by which protector`, async () => {
    using unlocked = await unlock(made.image, secret);
    assert.equal(unlocked.protector?.id ?? null, opened);
    assert.deepEqual(
      unlocked.volumeKeys.map(({ bytes }) => bytes),
      [made.volumeKey],
    );
  });
}

const recipes: Readonly<Record<string, BitlockerRecipe>> = {
  "Elephant with 128 bits": { method: 0x8000 },
  "Elephant with 256 bits": { method: 0x8001 },
  "CBC with 128 bits": { method: 0x8002 },
  "CBC with 256 bits": { method: 0x8003 },
  "XTS with 128 bits": { method: 0x8004 },
  "XTS with 256 bits": { method: 0x8005 },
  "large sectors": { sectorBytes: 4096 },
  "large sectors and CBC": { sectorBytes: 4096, method: 0x8003 },
  "large sectors that the boot sector does not tell": { sectorBytes: 4096, saidSectorBytes: 0 },
  "To Go": { layout: "togo" },
  "Windows 7": { method: 0x8000, movedBootEntry: "short" },
  "no entry for what was moved": { movedBootEntry: "none" },
  "Windows Vista": { layout: "vista", method: 0x8000 },
  "Windows Vista without a MAC": { layout: "vista", method: 0x8001, hasMac: false },
  "encryption that is paused": { state: [5, 4], encryptedBytes: 0x22200 },
  "encryption that is paused early": { state: [5, 4], encryptedBytes: 0x10000 },
  "encryption that is paused within the moved boot sectors": { state: [5, 4], encryptedBytes: 0x1a200 },
  "decryption that is paused": { state: [5, 1], encryptedBytes: 0x42000 },
  "decryption that has not begun": { state: [4, 1] },
  "encryption that has not begun": { state: [1, 4], encryptedBytes: 0 },
};
for (const [name, recipe] of Object.entries(recipes)) {
  test(`the whole plaintext is right: ${name}`, async () => {
    const volume = makeBitlocker({ ...recipe, protectors: protectors.slice(1, 2), isWhole: true });
    const header = await bitlockerHeader(memorySource(volume.image));
    using unlocked = await unlock(volume.image, passphrase("correct horse"));
    assert.ok(equalBytes(unlocked.volumeKeys[0]?.bytes ?? new Uint8Array(), volume.volumeKey));
    const mapping = header.mapping(volume.image.length);
    using plain = openPlainVolume(memorySource(volume.image), mapping, unlocked.volumeKeys);
    const bytes = await plain.read(0, plain.sizeBytes, signal);
    const wrong = bytes.findIndex((byte, at) => byte !== volume.plain[at]);
    assert.equal(wrong, -1, `byte ${wrong} is not what it was`);
    assert.equal(bytes.length, volume.plain.length);
  });
}

test("another secret of the right kind is rejected, and the message says how many it was tried on", async () => {
  for (const [secret, message] of [
    [passphrase("Correct horse"), /the password does not open the one protector of its kind/],
    [passphrase(""), /does not open the one protector/],
    [recovery([1, 2, 3, 4, 5, 6, 7, 9]), /the recovery password opens none of the 2 protectors of its kind/],
    [startup(bekFile(guidOf(4), bytesFrom("other", 32))), /the startup key does not open the one/],
    [
      startup(bekFile(guidOf(7), bek)),
      /the startup key is for the protector 70000000-.*, which this volume does not have/,
    ],
    [volumeKey(bytesFrom("other", 32)), /the volume key does not give a boot sector/],
    [{ kind: "key-file", secret: new Secret(new Uint8Array(3)) }, /there is no protector that a key file could open/],
  ] as const) {
    await assert.rejects(unlock(made.image, secret), { code: "SECRET_REJECTED", message });
  }
  const alone = makeBitlocker({ protectors: protectors.slice(0, 1) });
  await assert.rejects(unlock(alone.image, passphrase("x"), { kdf: noKdf }), {
    code: "SECRET_REJECTED",
    message: "Opening a BitLocker volume: there is no protector that a password could open.",
  });
  await assert.rejects(unlock(alone.image, { kind: "none" }), {
    code: "SECRET_REJECTED",
    message: /there is no protector with a clear key/,
  });
});

test("only the protector that is asked for is tried", async () => {
  const second = recovery([65535, 0, 9, 8, 7, 6, 5, 4]);
  using unlocked = await unlock(made.image, second, { only: guidOf(3) });
  assert.equal(unlocked.protector?.id, guidOf(3));
  await assert.rejects(unlock(made.image, second, { only: guidOf(2) }), { code: "SECRET_REJECTED" });
  const message = /there is no protector 10000000-.* that a recovery password could open/;
  await assert.rejects(unlock(made.image, second, { only: guidOf(1) }), { code: "SECRET_REJECTED", message });
});

test("a protector that needs what is not here is refused for that reason", async () => {
  const tpm = await bitlockerHeader(memorySource(made.image));
  assert.equal(tpm.facts.protectors[0]?.kind, "tpm");
  const message = /protector 90000000-.*: it needs the TPM of the machine that it was made on/;
  const unsupported = { code: "VOLUME_UNSUPPORTED", message };
  await assert.rejects(unlock(made.image, passphrase("x"), { only: guidOf(9), kdf: noKdf }), unsupported);
  const key = { kind: "raw", guid: guidOf(9), protection: 0x0300, properties: new Uint8Array() } as const;
  const volume = makeBitlocker({ protectors: [key] });
  await assert.rejects(unlock(volume.image, startup(bekFile(guidOf(9), bek))), unsupported);
});

test("a header with very many protectors is not worked through", async () => {
  const many = Array.from({ length: 33 }, (): MadeProtector => protectors[1] ?? assert.fail());
  const { image } = makeBitlocker({ protectors: many });
  await assert.rejects(unlock(image, passphrase("x"), { kdf: noKdf }), {
    code: "KDF_TOO_COSTLY",
    message: /there are 33 protectors that a password could open, and at most 32 are tried/,
  });
});

test("protectors are offered to the secrets that fit them", async () => {
  const damaged: MadeProtector = { kind: "raw", guid: guidOf(6), protection: 0x2000, properties: new Uint8Array() };
  const header = await bitlockerHeader(memorySource(makeBitlocker({ protectors: [damaged, ...protectors] }).image));
  const ids = (kind: VolumeSecret["kind"]): readonly string[] => header.protectorsFor({ kind }).map(({ id }) => id);
  assert.deepEqual(ids("passphrase"), [guidOf(1)], "and not the one that is damaged");
  assert.deepEqual(ids("recovery-password"), [guidOf(2), guidOf(3)]);
  assert.deepEqual(ids("startup-key"), [guidOf(4)]);
  assert.deepEqual(ids("none"), [guidOf(5)]);
  assert.deepEqual(ids("key-file"), []);
  assert.deepEqual(ids("volume-key"), []);
});

test("what is no secret of its kind is told before anything is derived", async () => {
  const typed = recoveryText([1, 2, 3, 4, 5, 6, 7, 8]);
  const mistyped = { kind: "recovery-password", secret: new Secret(utf8(typed.replace("22", "23"))) } as const;
  for (const [secret, message] of [
    [mistyped, /group 2 is mistyped/],
    [startup(bek), /^BitLocker startup key: /],
    [{ kind: "passphrase", secret: new Secret(Uint8Array.of(0xff)) }, /not text in UTF-8/],
    [volumeKey(made.volumeKey.subarray(1)), /the volume key has 31 bytes instead of 32/],
  ] as const) {
    await assert.rejects(unlock(made.image, secret, { kdf: noKdf }), { code: "SECRET_INVALID", message });
  }
});

test("a stretch that costs more than is allowed is not begun; what costs nothing still opens", async () => {
  const terms = { kdf: noKdf, limit: { memoryKiB: 0, seconds: 0.001 } };
  await assert.rejects(unlock(made.image, passphrase("correct horse"), terms), {
    code: "KDF_TOO_COSTLY",
    message: /BitLocker protector 10000000-.*1048576 rounds/,
  });
  using unlocked = await unlock(made.image, startup(bekFile(guidOf(4), bek)), terms);
  assert.equal(unlocked.protector?.kind, "startup-key");
});

test("an unlock that was cancelled derives nothing", async () => {
  const header = await bitlockerHeader(memorySource(made.image));
  const terms = { kdf: noKdf, limit: { memoryKiB: 0, seconds: 60 }, only: null };
  await assert.rejects(header.unlock(passphrase("x"), terms, AbortSignal.abort()), { code: "CANCELLED" });
});

test("keys are wiped when the volume is closed, and the secret is left as it was", async () => {
  const secret = startup(bekFile(guidOf(4), bek));
  let key: Uint8Array;
  {
    using unlocked = await unlock(made.image, secret);
    key = unlocked.volumeKeys[0]?.bytes ?? assert.fail();
    assert.ok(key.some((byte) => byte !== 0));
  }
  assert.ok(key.every((byte) => byte === 0));
  assert.ok(secret.kind === "startup-key" && secret.secret.bytes.some((byte) => byte !== 0));
});

test("metadata that was changed by somebody without the key is refused, though its checksums fit", async () => {
  const message = /metadata copy 1 was changed by somebody who does not have the volume's master key/;
  for (const [name, at, bytes] of [
    ["the encrypted size", 16, [1]],
    ["the place of copy 2", 41, [1]],
    ["the volume's GUID", 80, [1]],
    ["a label", 124, [0x42]],
    ["a time", 104, [1]],
  ] as const) {
    const image = forge(made, [1, 2, 3], at, Uint8Array.from(bytes));
    for (const secret of [passphrase("correct horse"), { kind: "none" }] as const) {
      await assert.rejects(unlock(image, secret), { code: "HEADER_CORRUPT", message }, name);
    }
  }
});

test("metadata since Windows 7 without a MAC is refused", async () => {
  const { image } = makeBitlocker({ protectors, hasMac: false });
  assert.ok((await bitlockerHeader(memorySource(image))).facts.warnings.some(({ code }) => code === "WEAK_DIGEST"));
  const message = /metadata copy 1 has no MAC/;
  await assert.rejects(unlock(image, passphrase("correct horse")), { code: "HEADER_CORRUPT", message });
});

test("a MAC that another key made is refused", async () => {
  const image = Uint8Array.from(made.image);
  for (const offset of made.copyOffsets) image.fill(0, offset + made.blockBytes + 40, offset + made.blockBytes + 41);
  const message = /the MAC of metadata copy 1 is not one that the volume's master key made/;
  await assert.rejects(unlock(image, passphrase("correct horse")), { code: "HEADER_CORRUPT", message });
});

test("a copy with a wrong MAC, or none, leaves the volume to the next one that says the same of its sectors", async () => {
  const macAt = (copy: number): number => (made.copyOffsets[copy - 1] ?? 0) + made.blockBytes + 40;
  const damaged = (...copies: readonly number[]): Uint8Array => {
    const image = Uint8Array.from(made.image);
    for (const copy of copies) image.fill(0, macAt(copy), macAt(copy) + 1);
    return image;
  };
  const forgedLabel = forge(made, [1, 2], 124, Uint8Array.of(0x42));
  const newestForged = forge(made, [2], 96, Uint8Array.of(0xff));
  for (const image of [damaged(1), damaged(1, 2), forgedLabel, newestForged]) {
    const { facts } = await bitlockerHeader(memorySource(image));
    assert.ok(facts.warnings.some(({ code }) => code === "COPIES_DIFFER"));
    assert.equal(facts.identity, (await bitlockerHeader(memorySource(made.image))).facts.identity);
    using unlocked = await unlock(image, passphrase("correct horse"));
    assert.deepEqual(unlocked.volumeKeys[0]?.bytes, made.volumeKey);
  }
});

test("a forged copy that says something else of the sectors is not opened in the name of a good one", async () => {
  for (const [at, bytes] of [
    [16, [1]],
    [80, [1]],
  ] as const) {
    const image = forge(made, [1], at, Uint8Array.from(bytes));
    const message = /metadata copy 1 was changed by somebody/;
    await assert.rejects(unlock(image, passphrase("correct horse")), { code: "HEADER_CORRUPT", message });
  }
});

test("a volume that cannot be read is refused before anything is derived", async () => {
  const { image, volumeKey: key } = makeBitlocker({ protectors, identifier: ENCRYPT_ON_WRITE });
  for (const secret of [passphrase("correct horse"), { kind: "none" }, volumeKey(key)] as const) {
    await assert.rejects(unlock(image, secret, { kdf: noKdf }), {
      code: "VOLUME_UNSUPPORTED",
      message: /^Opening a BitLocker volume: it is encrypted as it is written to/,
    });
  }
});

test("a damaged protector stands in the way of its own secret only", async () => {
  const raw = (digit: number, properties: Uint8Array): MadeProtector => {
    return { kind: "raw", guid: guidOf(digit), protection: 0x2000, properties };
  };
  const salt = entry(0, 3, u32(0x1001), new Uint8Array(16));
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(), /its entry has no sealed key/],
    [Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0), /size at byte 0: 3 is less than its own head/],
    [entry(0, 5, new Uint8Array(27)), /tag at byte 12: needs 16 bytes, 15 left/],
    [entry(0, 5, new Uint8Array(60)), /its entry has no salt/],
    [entry(0, 3, u32(0x1001), new Uint8Array(15)), /salt at byte 4: needs 16 bytes, 15 left/],
  ];
  for (const [properties, message] of cases) {
    const damaged = raw(6, properties);
    const alone = makeBitlocker({ protectors: [damaged] });
    await assert.rejects(unlock(alone.image, passphrase("correct horse")), { code: "HEADER_CORRUPT", message });
    const both = makeBitlocker({ protectors: [damaged, ...protectors] });
    using unlocked = await unlock(both.image, passphrase("correct horse"));
    assert.equal(unlocked.protector?.id, guidOf(1));
  }
  const unopened = raw(6, new Uint8Array([...salt, ...entry(0, 5, new Uint8Array(72))]));
  const rejected = makeBitlocker({ protectors: [unopened] });
  await assert.rejects(unlock(rejected.image, passphrase("correct horse")), { code: "SECRET_REJECTED" });
  const other = raw(6, concat(entry(0, 3, u32(0x40_1001), new Uint8Array(16)), entry(0, 5, new Uint8Array(72))));
  const unsupported = makeBitlocker({ protectors: [other] });
  await assert.rejects(unlock(unsupported.image, passphrase("correct horse")), {
    code: "VOLUME_UNSUPPORTED",
    message: /it does not open in the usual way, and says that it takes PBKDF2/,
  });
});

test("what is sealed for the right key and is no key is refused", async () => {
  const clear = bytesFrom("clear", 32);
  const seals = (sealed: Uint8Array): MadeVolume => {
    const properties = new Uint8Array([...entry(0, 1, u32(0x2000), clear), ...sealed]);
    return makeBitlocker({ protectors: [{ kind: "raw", guid: guidOf(5), protection: 0, properties }] });
  };
  for (const [sealed, message] of [
    [sealedEntry(0, clear, 0x2003, bytesFrom("vmk", 16), 1), /its master key has not 32 bytes/],
    [
      sealedEntry(0, bytesFrom("another", 32), 0x2003, bytesFrom("vmk", 32), 1),
      /its clear key does not open what it seals/,
    ],
    [sealedEntry(0, clear, 0x2003, bytesFrom("not this volume's", 32), 1), /the MAC of metadata copy 1 is not one/],
  ] as const) {
    await assert.rejects(unlock(seals(sealed).image, { kind: "none" }), { code: "HEADER_CORRUPT", message });
  }
});

test("a volume key is only taken where something shows that it is the right one", async () => {
  for (const recipe of [
    { layout: "vista", method: 0x8000 },
    { state: [5, 4], encryptedBytes: 0x1a000 },
  ] as const) {
    const volume = makeBitlocker(recipe);
    await assert.rejects(unlock(volume.image, volumeKey(volume.volumeKey)), { code: "VOLUME_UNSUPPORTED" });
  }
  const cut = made.image.slice(0, made.movedOffset);
  await assert.rejects(unlock(cut, volumeKey(made.volumeKey)), { code: "HEADER_CORRUPT" });
});

test("a header that was stored alone opens to the same volume key, by every secret", async () => {
  const { facts } = await bitlockerHeader(memorySource(made.image));
  const stored = new Uint8Array(made.image.length);
  for (const { offsetBytes, lengthBytes } of facts.headerRanges) {
    stored.set(made.image.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
  }
  for (const secret of [passphrase("correct horse"), startup(bekFile(guidOf(4), bek)), volumeKey(made.volumeKey)]) {
    using unlocked = await unlock(stored, secret);
    assert.deepEqual(unlocked.volumeKeys[0]?.bytes, made.volumeKey);
  }
});

test("any part of the plaintext is the same as of the whole", async () => {
  const volume = makeBitlocker({ method: 0x8000, protectors: protectors.slice(1, 2), isWhole: true });
  const header = await bitlockerHeader(memorySource(volume.image));
  using unlocked = await unlock(volume.image, passphrase("correct horse"));
  const mapping = header.mapping(volume.image.length);
  using plain = openPlainVolume(memorySource(volume.image), mapping, unlocked.volumeKeys);
  const offsets = fc.nat(volume.image.length);
  const part = fc.tuple(offsets, fc.nat(20_000));
  await fc.assert(
    fc.asyncProperty(part, async ([at, length]) => {
      const end = Math.min(at + length, volume.image.length);
      assert.ok(equalBytes(await plain.read(at, end - at, signal), volume.plain.subarray(at, end)));
    }),
    { numRuns: 50 },
  );
});

test("a volume that is not encrypted any more opens without a secret, whatever cipher it says", async () => {
  for (const method of [0x8004, 0]) {
    const plain = makeBitlocker({ method, state: [1, 1], encryptedBytes: 0, isWhole: true });
    const header = await bitlockerHeader(memorySource(plain.image));
    assert.equal(header.facts.unreadable, null);
    using unlocked = await unlock(plain.image, { kind: "none" });
    assert.equal(unlocked.protector, null);
    const mapping = header.mapping(plain.image.length);
    using volume = openPlainVolume(memorySource(plain.image), mapping, unlocked.volumeKeys);
    assert.ok(equalBytes(await volume.read(0, volume.sizeBytes, signal), plain.plain));
  }
  const kept = makeBitlocker({ protectors, state: [1, 1], encryptedBytes: 0 });
  using unlocked = await unlock(kept.image, { kind: "none" });
  assert.equal(unlocked.protector?.kind, "clear-key", "which shows that the metadata are whole");
});
