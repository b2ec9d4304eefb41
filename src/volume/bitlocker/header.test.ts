import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { LockstepError } from "#errors/errors.ts";
import { bytesFrom, entry, utf16 } from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { ENCRYPT_ON_WRITE, VOLUME_GUID, forge, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import type { BitlockerRecipe, MadeVolume } from "#testing/volumes/bitlocker-maker.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const signal = new AbortController().signal;
const guid = (digit: number): string => `${digit}0000000-0000-4000-8000-00000000000${digit}`;
const password: MadeProtector = { kind: "password", guid: guid(1), password: "correct horse" };
const recovery: MadeProtector = { kind: "recovery-password", guid: guid(2), shorts: [1, 2, 3, 4, 5, 6, 7, 8] };

async function read(source: VolumeSource): Promise<EncryptedHeader> {
  return (await readBitlocker(source, signal)) ?? assert.fail("not taken for BitLocker");
}
async function factsOf(recipe: BitlockerRecipe): Promise<EncryptedVolume> {
  return (await read(memorySource(makeBitlocker(recipe).image))).facts;
}
const codesOf = ({ warnings }: EncryptedVolume): readonly string[] => warnings.map(({ code }) => code);

test("an ordinary volume is described", async () => {
  const made = makeBitlocker({ protectors: [password, recovery] });
  const { facts } = await read(memorySource(made.image));
  const { identity, headerDigest, protectors, headerRanges, ...others } = facts;
  assert.deepEqual(others, {
    format: "bitlocker",
    version: "8+",
    cipher: "aes-xts-plain64",
    keyBits: 256,
    sectorBytes: 512,
    uuid: VOLUME_GUID,
    label: "HOST C: 1/2/2026",
    state: "encrypted",
    unreadable: null,
    progress: null,
    tokens: [],
    payload: { offsetBytes: 0, lengthBytes: made.image.length },
    warnings: [],
  });
  for (const hash of [identity, headerDigest, ...protectors.map(({ fingerprint }) => fingerprint)]) {
    assert.match(hash, /^[0-9a-f]{64}$/);
  }
  assert.deepEqual(
    protectors.map(({ id, kind, label, unusable }) => [id, kind, label, unusable]),
    [
      [guid(1), "password", null, null],
      [guid(2), "recovery-password", null, null],
    ],
  );
  assert.equal(protectors[0]?.cost?.iterations, 1_048_576);
  const copy = (offsetBytes: number): object => ({ offsetBytes, lengthBytes: made.blockBytes + 88 });
  assert.deepEqual(headerRanges, [
    { offsetBytes: 0, lengthBytes: 512 },
    copy(0x8000),
    { offsetBytes: made.movedOffset, lengthBytes: 512 },
    copy(0x20000),
    copy(0x30000),
  ]);
});

for (const [method, cipher, keyBits] of [
  [0x8000, "aes-cbc-elephant", 256],
  [0x8001, "aes-cbc-elephant", 512],
  [0x8002, "aes-cbc-eboiv", 128],
  [0x8003, "aes-cbc-eboiv", 256],
  [0x8004, "aes-xts-plain64", 256],
  [0x8005, "aes-xts-plain64", 512],
] as const) {
  test(`method 0x${method.toString(16)} is ${cipher} with ${keyBits} bits`, async () => {
    const facts = await factsOf({ method });
    assert.equal(facts.cipher, cipher);
    assert.equal(facts.keyBits, keyBits);
    assert.equal(facts.unreadable, null);
  });
}

test("an unknown method is listed, and unreadable", async () => {
  const facts = await factsOf({ method: 0x8006 });
  assert.equal(facts.state, "unreadable");
  assert.equal(facts.cipher, "method 0x8006");
  assert.equal(facts.unreadable, "its method 0x8006 is not known here");
});

test("the version follows the layout, and the length of an entry that Windows 8 made longer", async () => {
  assert.equal((await factsOf({ movedBootEntry: "short" })).version, "7");
  assert.equal((await factsOf({ layout: "togo" })).version, "togo");
  assert.equal((await factsOf({ layout: "vista", method: 0x8000 })).version, "vista");
  const without = await factsOf({ movedBootEntry: "none" });
  assert.equal(without.version, "8+");
  assert.deepEqual(codesOf(without), ["NOT_SHOWN_BY_SAMPLES"]);
});

test("every kind of protector is known by its number, and only those that can be are tried", async () => {
  const raw = (digit: number, protection: number): MadeProtector => {
    return { kind: "raw", guid: guid(digit), protection, properties: new Uint8Array() };
  };
  const facts = await factsOf({
    protectors: [
      raw(1, 0x0100),
      raw(2, 0x0300),
      raw(3, 0x0500),
      raw(4, 0x0700),
      raw(5, 0x1000),
      raw(6, 0x4000),
      { kind: "startup-key", guid: guid(7), key: bytesFrom("bek", 32), label: "ExternalKey" },
      { kind: "clear-key", guid: guid(8), key: bytesFrom("clear", 32) },
      raw(9, 0x2000),
    ],
  });
  assert.deepEqual(
    facts.protectors.map(({ kind, unusable, cost }) => [kind, unusable !== null, cost]),
    [
      ["tpm", true, null],
      ["tpm-startup-key", true, null],
      ["tpm-pin", true, null],
      ["tpm-pin-startup-key", true, null],
      ["smart-card", true, null],
      ["unknown", true, null],
      ["startup-key", false, null],
      ["clear-key", false, null],
      ["password", true, null],
    ],
  );
  assert.equal(facts.protectors[6]?.label, "ExternalKey");
  const foreign = Array.from({ length: 6 }, () => "FOREIGN_WAY_IN");
  assert.deepEqual(codesOf(facts), [...foreign, "CLEAR_KEY", "ENTRY_IGNORED"]);
});

test("the lower byte of a protector's number does not change its kind", async () => {
  const raw = (digit: number, protection: number): MadeProtector => {
    return { kind: "raw", guid: guid(digit), protection, properties: new Uint8Array() };
  };
  const { protectors } = await factsOf({
    protectors: [raw(1, 0x0001), raw(2, 0x08ff), raw(3, 0x2001), raw(4, 0x01ff)],
  });
  assert.deepEqual(
    protectors.map(({ kind }) => kind),
    ["clear-key", "recovery-password", "password", "tpm"],
  );
});

test("names cannot act on a terminal, and are whole", async () => {
  const label = "a\u001b[31m\u202eb 世界";
  const facts = await factsOf({ description: label, protectors: [{ ...password, label }] });
  assert.equal(facts.label, String.raw`a\x1b[31m\u{202e}b 世界`);
  assert.equal(facts.protectors[0]?.label, facts.label);
});

test("unknown entries and properties are kept out of the way, and said", async () => {
  const properties = entry(0, 0x77, utf16("?"));
  const facts = await factsOf({
    more: [entry(0x0b, 5, new Uint8Array(40)), entry(4, 7, new Uint8Array(7568)), entry(0x0c, 5, new Uint8Array(40))],
    protectors: [{ kind: "raw", guid: guid(1), protection: 0x2000, properties }, password],
  });
  const messages = facts.warnings.filter(({ code }) => code === "ENTRY_IGNORED").map(({ message }) => message);
  assert.equal(messages.length, 3);
  assert.match(messages[0] ?? "", /its entry has no sealed key$/);
  assert.match(
    messages[1] ?? "",
    /entry 1 at byte 0: an entry of type 0x0 and value type 0x77, 10 bytes, is not known/,
  );
  assert.match(messages[2] ?? "", /an entry of type 0xc and value type 0x5, 48 bytes, is not known here$/);
});

test("of very many entries that are not known only some are named", async () => {
  const facts = await factsOf({ more: Array.from({ length: 5000 }, () => entry(0x0c, 5)), protectors: [password] });
  const messages = facts.warnings.map(({ message }) => message);
  assert.equal(messages.length, 17);
  assert.equal(messages.at(-1), "4984 more entries are not known here");
});

for (const [now, next, share, state, progress, words] of [
  [5, 4, 0.5, "partly encrypted", 0.5, "its encryption is paused"],
  [5, 1, 0.25, "partly encrypted", 0.75, "its decryption is paused"],
  [4, 1, 1, "partly encrypted", 0, "it is to be decrypted"],
  [2, 4, 0.5, "converting", 0.5, "it is being encrypted"],
  [2, 1, 0.5, "converting", 0.5, "it is being decrypted"],
] as const) {
  test(`state ${now}, to become ${next}: ${words}`, async () => {
    const facts = await factsOf({ state: [now, next], encryptedBytes: share * 288 * 1024, convertingBytes: 4096 });
    assert.equal(facts.state, state);
    assert.equal(facts.progress, progress);
    assert.deepEqual(codesOf(facts), ["CONVERTING", "NOT_SHOWN_BY_SAMPLES"]);
    assert.equal(facts.warnings[0]?.message, words);
    assert.equal(facts.unreadable !== null, now === 2);
  });
}

test("a volume that is not encrypted yet says so", async () => {
  const facts = await factsOf({ state: [1, 4], encryptedBytes: 0 });
  assert.equal(facts.state, "partly encrypted");
  assert.deepEqual(codesOf(facts), ["NOT_ENCRYPTED", "NOT_SHOWN_BY_SAMPLES"]);
});

test("states that cannot be read say why", async () => {
  for (const [recipe, state, reason] of [
    [{ state: [6, 4] }, "unreadable", /its state 6, to become 4, is not known here/],
    [{ state: [3, 4] }, "converting", /it is encrypted as it is written to/],
    [{ state: [4, 7] }, "unreadable", /its state 4, to become 7, is not known here/],
    [
      { state: [5, 4], layout: "vista" },
      "partly encrypted",
      /how Windows Vista says how far it came is not known here/,
    ],
    [{ state: [3, 1], layout: "vista" }, "partly encrypted", /its decryption is paused, and how Windows Vista says/],
    [{ identifier: ENCRYPT_ON_WRITE }, "converting", /it is encrypted as it is written to/],
    [{ identifier: VOLUME_GUID }, "unreadable", /unknown identifier 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/],
    [{ saidSectorBytes: 2048 }, "unreadable", /sectors of 2048 bytes are not read here/],
  ] as const) {
    const made = makeBitlocker({ ...recipe, protectors: [password] });
    const header = await read(memorySource(made.image));
    assert.equal(header.facts.state, state);
    assert.match(header.facts.unreadable ?? "", reason);
    assert.equal(header.facts.protectors.length, 1, "its protectors are listed all the same");
    assert.throws(() => header.mapping(made.image.length), { code: "VOLUME_UNSUPPORTED", message: reason });
  }
});

test("that a volume is encrypted on write is told once, since real ones showed that", async () => {
  const byBootSector = await factsOf({ identifier: ENCRYPT_ON_WRITE });
  assert.deepEqual(codesOf(byBootSector), ["CONVERTING"]);
  const byState = await factsOf({ state: [3, 4] });
  assert.deepEqual(codesOf(byState), ["CONVERTING", "NOT_SHOWN_BY_SAMPLES"]);
});

test("a sector size that is not said is told from what was moved", async () => {
  for (const sectorBytes of [512, 4096] as const) {
    const facts = await factsOf({ sectorBytes, saidSectorBytes: 0 });
    assert.equal(facts.sectorBytes, sectorBytes);
    assert.deepEqual(codesOf(facts), ["NOT_SHOWN_BY_SAMPLES"]);
  }
  assert.equal((await factsOf({ saidSectorBytes: 0, movedBootEntry: "none" })).sectorBytes, 512);
});

test("a header that was stored alone says the same about identities and protectors", async () => {
  for (const recipe of [
    { protectors: [password, recovery] },
    { layout: "vista", method: 0x8000, protectors: [password] },
  ] as const) {
    const made = makeBitlocker(recipe);
    const live = (await read(memorySource(made.image))).facts;
    const stored = new Uint8Array(made.image.length);
    for (const { offsetBytes, lengthBytes } of live.headerRanges) {
      stored.set(made.image.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
    }
    assert.deepEqual((await read(memorySource(stored))).facts, live);

    const last = (live.headerRanges.at(1)?.offsetBytes ?? 0) + (live.headerRanges.at(1)?.lengthBytes ?? 0);
    const short = (await read(memorySource(stored.slice(0, last)))).facts;
    assert.equal(short.identity, live.identity);
    assert.equal(short.headerDigest, live.headerDigest);
    assert.deepEqual(short.protectors, live.protectors);
    assert.equal(short.payload, null);
  }
});

test("the identity changes with what decides how sectors decrypt, and with nothing else", async () => {
  const base = await factsOf({ protectors: [password] });
  for (const recipe of [
    { protectors: [recovery] },
    { protectors: [password, recovery] },
    { protectors: [password], description: "another" },
    { protectors: [password], nextNonce: 5000, more: [entry(0x33, 1)] },
  ]) {
    const facts = await factsOf(recipe);
    assert.equal(facts.identity, base.identity);
    assert.notEqual(facts.headerDigest, base.headerDigest);
  }
  for (const recipe of [
    { method: 0x8003 },
    { sectorBytes: 4096 },
    { state: [5, 4], encryptedBytes: 4096 * 64 },
    { layout: "vista" },
  ] as const) {
    assert.notEqual((await factsOf({ ...recipe, protectors: [password] })).identity, base.identity);
  }
});

test("the identity changes with the sealed volume key: its nonce, tag and bytes", async () => {
  const made = makeBitlocker({ protectors: [password] });
  const { identity } = (await read(memorySource(made.image))).facts;
  const start = copyAt(made, 1);
  const head = Uint8Array.of(80, 0, 3, 0, 5, 0, 1, 0); // the entry's size, type, value type and version
  const at = made.image
    .subarray(start)
    .findIndex((_, i) => head.every((byte, j) => made.image[start + i + j] === byte));
  for (const inside of [8, 20, 36, 79]) {
    const image = forge(made, [1, 2, 3], at + inside, Uint8Array.of((made.image[start + at + inside] ?? 0) ^ 1));
    assert.notEqual((await read(memorySource(image))).facts.identity, identity, `byte ${inside} of the entry`);
  }
});

test("a fingerprint changes when its protector does, and not with the others or with names", async () => {
  const print = async (protectors: readonly MadeProtector[], id = guid(1)): Promise<string> => {
    const { protectors: found } = await factsOf({ protectors });
    return found.find((protector) => protector.id === id)?.fingerprint ?? assert.fail("not found");
  };
  const base = await print([password]);
  assert.equal(await print([password, recovery]), base);
  assert.equal(await print([{ ...password, label: "renamed" }]), base);
  const raw = (...more: readonly Uint8Array[]): MadeProtector => {
    const properties = concat(entry(0, 5, new Uint8Array(72)), ...more);
    return { kind: "raw", guid: guid(1), protection: 0x2000, properties };
  };
  const [times, hint] = [entry(0, 0x15, new Uint8Array(20)), entry(0, 0x18, utf16("h**@example.org"))];
  assert.equal(await print([raw(times, hint)]), await print([raw()]), "when and where it was saved");
  assert.notEqual(await print([{ ...password, password: "another" }]), base);
  assert.notEqual(await print([{ ...password, guid: guid(3) }], guid(3)), base);
});

const copyAt = (made: MadeVolume, number: number): number => made.copyOffsets[number - 1] ?? assert.fail();

test("any one good copy is enough, and the damaged ones are named", async () => {
  const made = makeBitlocker({ protectors: [password] });
  const whole = (await read(memorySource(made.image))).facts;
  for (const damaged of [[1], [2], [3], [1, 2], [1, 3], [2, 3]]) {
    const image = Uint8Array.from(made.image);
    for (const number of damaged) image.fill(0xee, copyAt(made, number) + 200, copyAt(made, number) + 201);
    const { warnings, headerRanges, ...facts } = (await read(memorySource(image))).facts;
    const { warnings: _, headerRanges: all, ...expected } = whole;
    assert.deepEqual(facts, expected);
    assert.deepEqual(
      warnings.map(({ code, message }) => [code, /copy (\d) at byte \d+: its checksum is/.exec(message)?.[1]]),
      damaged.map((number) => ["COPY_DAMAGED", String(number)]),
    );
    assert.equal(headerRanges.length, all.length - damaged.length);
  }
});

test("with no good copy it is refused, and each is said why", async () => {
  const made = makeBitlocker({});
  const image = Uint8Array.from(made.image);
  image.fill(0, copyAt(made, 1), copyAt(made, 1) + 1);
  image.fill(1, copyAt(made, 2) + 150, copyAt(made, 2) + 170);
  image.fill(0xff, copyAt(made, 3) + 8, copyAt(made, 3) + 10);
  await assert.rejects(read(memorySource(image)), {
    code: "HEADER_CORRUPT",
    message:
      /no copy of the metadata is good: .*copy 1 .*does not begin with.*; .*copy 2 .*its checksum is.*; .*copy 3 .*its size at byte 8: 1048560 bytes/,
  });
});

test("a copy that the medium refuses is damaged; any other failure is passed on", async () => {
  const made = makeBitlocker({});
  const failing = (code: "DISK_UNREADABLE" | "CANCELLED"): VolumeSource => {
    const source = memorySource(made.image);
    return {
      ...source,
      read: (at, length, abort) =>
        at === copyAt(made, 1) ? Promise.reject(new LockstepError(code, "no")) : source.read(at, length, abort),
    };
  };
  assert.deepEqual(codesOf((await read(failing("DISK_UNREADABLE"))).facts), ["COPY_DAMAGED"]);
  await assert.rejects(read(failing("CANCELLED")), { code: "CANCELLED" });
});

test("where the boot sector has a copy's place wrong, the others tell it", async () => {
  for (const layout of ["7", "togo"] as const) {
    const made = makeBitlocker({ layout });
    const at = (layout === "togo" ? 424 : 160) + 16;
    for (const broken of [[1], [2], [1, 3]]) {
      const image = Uint8Array.from(made.image);
      for (const number of broken) image.fill(0xff, at + 8 * (number - 1), at + 8 * number);
      const { facts } = await read(memorySource(image));
      assert.deepEqual(
        codesOf(facts),
        broken.map(() => "COPY_DAMAGED"),
      );
      assert.match(facts.warnings[0]?.message ?? "", /it says that metadata copy \d lies at byte 18446744073709551615/);
      assert.equal(facts.headerRanges.length, 5, "all copies are read");
    }
  }
});

test("of good copies that differ the newest counts", async () => {
  const older = makeBitlocker({ protectors: [password], nextNonce: 7 });
  const newer = makeBitlocker({ protectors: [password, recovery], nextNonce: 8 });
  for (const number of [1, 2, 3]) {
    const image = Uint8Array.from(older.image);
    const at = copyAt(newer, number);
    image.set(newer.image.subarray(at, at + newer.blockBytes + 88), at);
    const { facts } = await read(memorySource(image));
    assert.equal(facts.protectors.length, 2);
    assert.deepEqual(codesOf(facts), ["COPIES_DIFFER"]);
    assert.match(facts.warnings[0]?.message ?? "", new RegExp(`copy ${number} is the newest`));
  }
});

test("a copy that was moved elsewhere does not count", async () => {
  const made = makeBitlocker({});
  const image = Uint8Array.from(made.image);
  const moved = image.slice(copyAt(made, 1), copyAt(made, 1) + 0x1000);
  image.set(moved, 0x44000);
  image.fill(0, copyAt(made, 1), copyAt(made, 1) + 0x1000);
  new DataView(image.buffer).setBigUint64(176, 0x44000n, true);
  const { facts } = await read(memorySource(image));
  assert.deepEqual(codesOf(facts), ["COPY_DAMAGED"]);
});

test("a volume that was made smaller than its header says is warned of", async () => {
  const made = makeBitlocker({});
  const { facts } = await read(memorySource(made.image.slice(0, 0x43000)));
  assert.deepEqual(codesOf(facts), ["SIZE_IMPOSSIBLE"]);
  assert.match(facts.warnings[0]?.message ?? "", /294912 bytes are encrypted, and this has 274432 bytes/);
});

test("a volume that is larger than its header says is warned of, and shown as Linux does", async () => {
  const made = makeBitlocker({});
  const image = new Uint8Array(made.image.length + 1000);
  image.set(made.image);
  const header = await read(memorySource(image));
  assert.deepEqual(codesOf(header.facts), ["SIZE_IMPOSSIBLE"]);
  const last = header.mapping(image.length).stretches.at(-1) ?? assert.fail();
  assert.equal(last.content.kind, "encrypted");
  assert.equal(last.offsetBytes + last.lengthBytes, made.image.length + 512);
});
