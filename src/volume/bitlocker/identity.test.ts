import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { entry, utf16 } from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import {
  bitlockerFacts,
  bitlockerHeader,
  guidOf,
  passwordProtector,
  recoveryProtector,
  copyAt,
} from "#testing/volumes/bitlocker-header.ts";
import { forge, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { memorySource } from "#volume/source/source.ts";

test("a header that was stored alone says the same about identities and protectors", async () => {
  for (const recipe of [
    { protectors: [passwordProtector, recoveryProtector] },
    { layout: "vista", method: 0x8000, protectors: [passwordProtector] },
  ] as const) {
    const made = makeBitlocker(recipe);
    const live = (await bitlockerHeader(memorySource(made.image))).facts;
    const stored = new Uint8Array(made.image.length);
    for (const { offsetBytes, lengthBytes } of live.headerRanges) {
      stored.set(made.image.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
    }
    assert.deepEqual((await bitlockerHeader(memorySource(stored))).facts, live);

    const last = (live.headerRanges.at(1)?.offsetBytes ?? 0) + (live.headerRanges.at(1)?.lengthBytes ?? 0);
    const short = (await bitlockerHeader(memorySource(stored.slice(0, last)))).facts;
    assert.equal(short.identity, live.identity);
    assert.equal(short.headerDigest, live.headerDigest);
    assert.deepEqual(short.protectors, live.protectors);
    assert.equal(short.payload, null);
  }
});

test("the identity changes with what decides how sectors decrypt, and with nothing else", async () => {
  const base = await bitlockerFacts({ protectors: [passwordProtector] });
  for (const recipe of [
    { protectors: [recoveryProtector] },
    { protectors: [passwordProtector, recoveryProtector] },
    { protectors: [passwordProtector], description: "another" },
    { protectors: [passwordProtector], nextNonce: 5000, more: [entry(0x33, 1)] },
  ]) {
    const facts = await bitlockerFacts(recipe);
    assert.equal(facts.identity, base.identity);
    assert.notEqual(facts.headerDigest, base.headerDigest);
  }
  for (const recipe of [
    { method: 0x8003 },
    { sectorBytes: 4096 },
    { state: [5, 4], encryptedBytes: 4096 * 64 },
    { layout: "vista" },
  ] as const) {
    assert.notEqual((await bitlockerFacts({ ...recipe, protectors: [passwordProtector] })).identity, base.identity);
  }
});

test("the identity changes with the sealed volume key: its nonce, tag and bytes", async () => {
  const made = makeBitlocker({ protectors: [passwordProtector] });
  const { identity } = (await bitlockerHeader(memorySource(made.image))).facts;
  const start = copyAt(made, 1);
  const head = Uint8Array.of(80, 0, 3, 0, 5, 0, 1, 0); // the entry's size, type, value type and version
  const at = made.image
    .subarray(start)
    .findIndex((_, i) => head.every((byte, j) => made.image[start + i + j] === byte));
  for (const inside of [8, 20, 36, 79]) {
    const image = forge(made, [1, 2, 3], at + inside, Uint8Array.of((made.image[start + at + inside] ?? 0) ^ 1));
    assert.notEqual(
      (await bitlockerHeader(memorySource(image))).facts.identity,
      identity,
      `byte ${inside} of the entry`,
    );
  }
});

test("a fingerprint changes when its protector does, and not with the others or with names", async () => {
  const print = async (protectors: readonly MadeProtector[], id = guidOf(1)): Promise<string> => {
    const { protectors: found } = await bitlockerFacts({ protectors });
    return found.find((protector) => protector.id === id)?.fingerprint ?? assert.fail("not found");
  };
  const base = await print([passwordProtector]);
  assert.equal(await print([passwordProtector, recoveryProtector]), base);
  assert.equal(await print([{ ...passwordProtector, label: "renamed" }]), base);
  const raw = (...more: readonly Uint8Array[]): MadeProtector => {
    const properties = concat(entry(0, 5, new Uint8Array(72)), ...more);
    return { kind: "raw", guid: guidOf(1), protection: 0x2000, properties };
  };
  const [times, hint] = [entry(0, 0x15, new Uint8Array(20)), entry(0, 0x18, utf16("h**@example.org"))];
  assert.equal(await print([raw(times, hint)]), await print([raw()]), "when and where it was saved");
  assert.notEqual(await print([{ ...passwordProtector, password: "another" }]), base);
  assert.notEqual(await print([{ ...passwordProtector, guid: guidOf(3) }], guidOf(3)), base);
});
