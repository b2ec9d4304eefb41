import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesFrom, entry, utf16 } from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import {
  bitlockerFacts,
  bitlockerHeader,
  codesOf,
  guidOf,
  passwordProtector,
  recoveryProtector,
} from "#testing/volumes/bitlocker-header.ts";
import { ENCRYPT_ON_WRITE, VOLUME_GUID, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { memorySource } from "#volume/source/source.ts";

test("an ordinary volume is described", async () => {
  const made = makeBitlocker({ protectors: [passwordProtector, recoveryProtector] });
  const { facts } = await bitlockerHeader(memorySource(made.image));
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
      [guidOf(1), "password", null, null],
      [guidOf(2), "recovery-password", null, null],
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
    const facts = await bitlockerFacts({ method });
    assert.equal(facts.cipher, cipher);
    assert.equal(facts.keyBits, keyBits);
    assert.equal(facts.unreadable, null);
  });
}

test("an unknown method is listed, and unreadable", async () => {
  const facts = await bitlockerFacts({ method: 0x8006 });
  assert.equal(facts.state, "unreadable");
  assert.equal(facts.cipher, "method 0x8006");
  assert.equal(facts.unreadable, "its method 0x8006 is not known here");
});

test("the version follows the layout, and the length of an entry that Windows 8 made longer", async () => {
  assert.equal((await bitlockerFacts({ movedBootEntry: "short" })).version, "7");
  assert.equal((await bitlockerFacts({ layout: "togo" })).version, "togo");
  assert.equal((await bitlockerFacts({ layout: "vista", method: 0x8000 })).version, "vista");
  const without = await bitlockerFacts({ movedBootEntry: "none" });
  assert.equal(without.version, "8+");
  assert.deepEqual(codesOf(without), ["NOT_SHOWN_BY_SAMPLES"]);
});

test("every kind of protector is known by its number, and only those that can be are tried", async () => {
  const raw = (digit: number, protection: number): MadeProtector => {
    return { kind: "raw", guid: guidOf(digit), protection, properties: new Uint8Array() };
  };
  const facts = await bitlockerFacts({
    protectors: [
      raw(1, 0x0100),
      raw(2, 0x0300),
      raw(3, 0x0500),
      raw(4, 0x0700),
      raw(5, 0x1000),
      raw(6, 0x4000),
      { kind: "startup-key", guid: guidOf(7), key: bytesFrom("bek", 32), label: "ExternalKey" },
      { kind: "clear-key", guid: guidOf(8), key: bytesFrom("clear", 32) },
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
    return { kind: "raw", guid: guidOf(digit), protection, properties: new Uint8Array() };
  };
  const { protectors } = await bitlockerFacts({
    protectors: [raw(1, 0x0001), raw(2, 0x08ff), raw(3, 0x2001), raw(4, 0x01ff)],
  });
  assert.deepEqual(
    protectors.map(({ kind }) => kind),
    ["clear-key", "recovery-password", "password", "tpm"],
  );
});

test("names cannot act on a terminal, and are whole", async () => {
  const label = "a\u001b[31m\u202eb 世界";
  const facts = await bitlockerFacts({ description: label, protectors: [{ ...passwordProtector, label }] });
  assert.equal(facts.label, String.raw`a\x1b[31m\u{202e}b 世界`);
  assert.equal(facts.protectors[0]?.label, facts.label);
});

test("unknown entries and properties are kept out of the way, and said", async () => {
  const properties = entry(0, 0x77, utf16("?"));
  const facts = await bitlockerFacts({
    more: [entry(0x0b, 5, new Uint8Array(40)), entry(4, 7, new Uint8Array(7568)), entry(0x0c, 5, new Uint8Array(40))],
    protectors: [{ kind: "raw", guid: guidOf(1), protection: 0x2000, properties }, passwordProtector],
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
  const facts = await bitlockerFacts({
    more: Array.from({ length: 5000 }, () => entry(0x0c, 5)),
    protectors: [passwordProtector],
  });
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
    const facts = await bitlockerFacts({
      state: [now, next],
      encryptedBytes: share * 288 * 1024,
      convertingBytes: 4096,
    });
    assert.equal(facts.state, state);
    assert.equal(facts.progress, progress);
    assert.deepEqual(codesOf(facts), ["CONVERTING", "NOT_SHOWN_BY_SAMPLES"]);
    assert.equal(facts.warnings[0]?.message, words);
    assert.equal(facts.unreadable !== null, now === 2);
  });
}

test("a volume that is not encrypted yet says so", async () => {
  const facts = await bitlockerFacts({ state: [1, 4], encryptedBytes: 0 });
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
    const made = makeBitlocker({ ...recipe, protectors: [passwordProtector] });
    const header = await bitlockerHeader(memorySource(made.image));
    assert.equal(header.facts.state, state);
    assert.match(header.facts.unreadable ?? "", reason);
    assert.equal(header.facts.protectors.length, 1, "its protectors are listed all the same");
    assert.throws(() => header.mapping(made.image.length), { code: "VOLUME_UNSUPPORTED", message: reason });
  }
});

test("that a volume is encrypted on write is told once, since real ones showed that", async () => {
  const byBootSector = await bitlockerFacts({ identifier: ENCRYPT_ON_WRITE });
  assert.deepEqual(codesOf(byBootSector), ["CONVERTING"]);
  const byState = await bitlockerFacts({ state: [3, 4] });
  assert.deepEqual(codesOf(byState), ["CONVERTING", "NOT_SHOWN_BY_SAMPLES"]);
});

test("a sector size that is not said is told from what was moved", async () => {
  for (const sectorBytes of [512, 4096] as const) {
    const facts = await bitlockerFacts({ sectorBytes, saidSectorBytes: 0 });
    assert.equal(facts.sectorBytes, sectorBytes);
    assert.deepEqual(codesOf(facts), ["NOT_SHOWN_BY_SAMPLES"]);
  }
  assert.equal((await bitlockerFacts({ saidSectorBytes: 0, movedBootEntry: "none" })).sectorBytes, 512);
});

test("a volume that was made smaller than its header says is warned of", async () => {
  const made = makeBitlocker({});
  const { facts } = await bitlockerHeader(memorySource(made.image.slice(0, 0x43000)));
  assert.deepEqual(codesOf(facts), ["SIZE_IMPOSSIBLE"]);
  assert.match(facts.warnings[0]?.message ?? "", /294912 bytes are encrypted, and this has 274432 bytes/);
});

test("a volume that is larger than its header says is warned of, and shown as Linux does", async () => {
  const made = makeBitlocker({});
  const image = new Uint8Array(made.image.length + 1000);
  image.set(made.image);
  const header = await bitlockerHeader(memorySource(image));
  assert.deepEqual(codesOf(header.facts), ["SIZE_IMPOSSIBLE"]);
  const last = header.mapping(image.length).stretches.at(-1) ?? assert.fail();
  assert.equal(last.content.kind, "encrypted");
  assert.equal(last.offsetBytes + last.lengthBytes, made.image.length + 512);
});
