import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { keyslotAt, makeLuks1, materialSector } from "#testing/volumes/luks1-maker.ts";
import { editedSample, sampleMake, sampleMaterial, sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { readLuks1 } from "#volume/luks1/header.ts";
import { memorySource } from "#volume/source/source.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";

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

function passphrase(text: string): VolumeSecret {
  return { kind: "passphrase", secret: new Secret(utf8(text)) };
}

/** The source, and what was read of it. */
function watched(bytes: Uint8Array): { source: VolumeSource; reads: Place[] } {
  const reads: Place[] = [];
  const inner = memorySource(bytes);
  const source: VolumeSource = {
    ...inner,
    read: (offsetBytes, lengthBytes, until) => {
      reads.push({ offsetBytes, lengthBytes });
      return inner.read(offsetBytes, lengthBytes, until);
    },
  };
  return { source, reads };
}

test("says what the volume is", async () => {
  const { facts } = await read(sampleVolume);
  assert.equal(facts.format, "luks1");
  assert.equal(facts.cipher, "aes-cbc-essiv:sha256");
  assert.equal(facts.keyBits, 128);
  assert.equal(facts.sectorBytes, 512);
  assert.equal(facts.uuid, sampleMake.uuid);
  assert.equal(facts.state, "encrypted");
  assert.equal(facts.unreadable, null);
  assert.deepEqual(facts.payload, { offsetBytes: payloadSectors * 512, lengthBytes: plaintext.length });
  assert.deepEqual(facts.warnings, []);
  assert.deepEqual(
    facts.protectors.map(({ id, kind, cost, unusable }) => [id, kind, cost?.iterations, unusable]),
    [
      ["keyslot 1", "passphrase", 4100, null],
      ["keyslot 3", "passphrase", 2100, null],
      ["keyslot 6", "passphrase", 3100, null],
    ],
  );
});

test("reads the header and the key material in use, and nothing else; so the ranges say, joined where they touch", async () => {
  const { source, reads } = watched(sampleVolume);
  const { facts } = await readSource(source);
  assert.deepEqual(reads, [
    { offsetBytes: 0, lengthBytes: 592 },
    sampleMaterial(1),
    sampleMaterial(3),
    sampleMaterial(6),
  ]);
  assert.deepEqual(facts.headerRanges, [
    { offsetBytes: 0, lengthBytes: 1024 },
    sampleMaterial(1),
    sampleMaterial(3),
    sampleMaterial(6),
  ]);

  const close = editedSample((_, view) => {
    view.setUint32(keyslotAt(1) + 40, 2);
    view.setUint32(keyslotAt(0) + 40, materialSector(1, volumeKey.length));
  });
  const [first] = (await read(close)).facts.headerRanges;
  assert.deepEqual(first, { offsetBytes: 0, lengthBytes: 1024 + sampleMaterial(1).lengthBytes });
});

test("the header ranges alone give the same identities and the same volume key", async () => {
  const live = await read(sampleVolume);
  const last = live.facts.headerRanges.at(-1);
  assert.ok(last !== undefined);
  const stored = new Uint8Array(last.offsetBytes + last.lengthBytes);
  for (const { offsetBytes, lengthBytes } of live.facts.headerRanges) {
    stored.set(sampleVolume.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
  }
  const header = await read(stored);
  assert.equal(header.facts.identity, live.facts.identity);
  assert.equal(header.facts.headerDigest, live.facts.headerDigest);
  assert.deepEqual(header.facts.protectors, live.facts.protectors);
  assert.equal(header.facts.payload, null);
  assert.match(header.facts.warnings[0]?.message ?? "", /the payload begins at byte/);
  const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
  using unlocked = await header.unlock(passphrase("dear"), terms, signal);
  assert.deepEqual(unlocked.volumeKeys[0]?.bytes, volumeKey);
  assert.deepEqual(header.mapping(sampleVolume.length), live.mapping(sampleVolume.length));
});

test("identities change with what they are of, and with nothing else", async () => {
  const { facts: before } = await read(sampleVolume);
  const compare = async (
    change: (bytes: Uint8Array, view: DataView) => void,
  ): Promise<[boolean, string[], boolean]> => {
    const { facts } = await read(editedSample(change));
    const other = facts.protectors.filter(({ fingerprint }, i) => before.protectors[i]?.fingerprint !== fingerprint);
    const changed = other.map(({ id }) => id);
    return [facts.identity !== before.identity, changed, facts.headerDigest !== before.headerDigest];
  };
  const flip = (at: number) => (bytes: Uint8Array) => void (bytes[at] = (bytes[at] ?? 0) ^ 1);
  const all = ["keyslot 1", "keyslot 3", "keyslot 6"];
  assert.deepEqual(await compare(flip(168)), [false, [], true], "UUID");
  assert.deepEqual(await compare(flip(keyslotAt(3) + 8)), [false, ["keyslot 3"], true], "salt");
  assert.deepEqual(await compare(flip(keyslotAt(3) + 7)), [false, ["keyslot 3"], true], "rounds");
  assert.deepEqual(
    await compare(flip(sampleMaterial(6).offsetBytes + 5)),
    [false, ["keyslot 6"], true],
    "key material",
  );
  assert.deepEqual(
    await compare(flip(sampleMaterial(6).offsetBytes + 63_999)),
    [false, ["keyslot 6"], true],
    "its last byte",
  );
  assert.deepEqual(await compare(flip(keyslotAt(0) + 8)), [false, [], true], "a keyslot that is not in use");
  assert.deepEqual(
    await compare(flip(sampleMaterial(0).offsetBytes)),
    [false, [], false],
    "key material that is not in use",
  );
  assert.deepEqual(await compare(flip(112)), [true, all, true], "the digest");
  assert.deepEqual(await compare(flip(135)), [true, all, true], "the digest's salt");
  assert.deepEqual(
    await compare((_, view) => view.setUint32(104, payloadSectors + 1)),
    [true, [], true],
    "the payload",
  );
  assert.deepEqual(await compare((bytes) => bytes.set(utf8("plain64\0"), 44)), [true, all, true], "the cipher");
  assert.deepEqual(await compare(flip(sampleVolume.length - 1)), [false, [], false], "the payload's bytes");
});

test("maps the payload, whole sectors of it, and a detached header's data from 0 on", async () => {
  const header = await read(sampleVolume);
  const { sizeBytes, stretches } = header.mapping(payloadSectors * 512 + 1300);
  assert.equal(sizeBytes, 1024);
  const content = { kind: "encrypted", sourceOffsetBytes: payloadSectors * 512, ivOffsetBytes: 0n, cipher: 0 };
  assert.deepEqual(stretches, [{ offsetBytes: 0, lengthBytes: 1024, content }]);
  for (const dataBytes of [0, payloadSectors * 512, payloadSectors * 512 + 511]) {
    assert.throws(() => header.mapping(dataBytes), { code: "HEADER_CORRUPT", message: /payload begins at byte/ });
  }

  const detached = await read(makeLuks1({ ...sampleMake, payloadSectors: 0, plaintext: new Uint8Array() }));
  assert.equal(detached.facts.payload, null);
  assert.deepEqual(detached.facts.warnings, []);
  const mapping = detached.mapping(4096);
  assert.equal(mapping.sizeBytes, 4096);
  assert.deepEqual(mapping.stretches[0]?.content, { ...content, sourceOffsetBytes: 0 });
});

test("what is not read here is shown with its reason, and refused", async () => {
  for (const [change, reason, state] of [
    [(bytes: Uint8Array) => bytes.set(utf8("gost89"), 8), /gost89/, "unreadable"],
    [(bytes: Uint8Array) => bytes.set(utf8("tiger\0\0"), 72), /hash tiger is not known/, "unreadable"],
    [(bytes: Uint8Array) => bytes.set([0xde, 0xad], 4), /offline re-encryption/, "converting"],
  ] as const) {
    const header = await read(editedSample(change));
    assert.equal(header.facts.state, state);
    assert.match(header.facts.unreadable ?? "", reason);
    assert.equal(header.facts.protectors.length, 3);
    for (const { cost, unusable } of header.facts.protectors) {
      assert.equal(cost, null);
      assert.match(unusable ?? "", reason);
    }
    assert.deepEqual(header.protectorsFor({ kind: "passphrase" }), []);
    const refused = { code: "VOLUME_UNSUPPORTED", message: reason };
    const terms = { kdf: new Pbkdf2Deriver(), limit, only: null };
    await assert.rejects(header.unlock(passphrase("cheap"), terms, signal), refused);
    assert.throws(() => header.mapping(sampleVolume.length), refused);
  }
});

test("an initial vector for ECB is passed over, as dm-crypt did", async () => {
  const header = await read(makeLuks1({ ...sampleMake, cipherMode: "ecb" }));
  const old = await read(editedSample((bytes) => bytes.set(utf8("ecb-plain\0\0\0\0\0\0\0"), 40)));
  assert.equal(old.facts.unreadable, null);
  assert.deepEqual(old.mapping(sampleVolume.length).ciphers, header.mapping(sampleVolume.length).ciphers);
});

test("another volume is not mine", async () => {
  for (const bytes of [new Uint8Array(), new Uint8Array(3), new Uint8Array(4096), sampleVolume.with(7, 2)]) {
    assert.equal(await readLuks1(memorySource(bytes), signal), null);
  }
});

test("any damage of the header gives facts or an error of ours, and reads at most the key material that there is", async () => {
  const damages = fc.array(fc.tuple(fc.integer({ min: 8, max: 591 }), fc.nat(255)), { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(damages, async (changes) => {
    const bytes = sampleVolume.slice();
    for (const [at, value] of changes) bytes[at] = value;
    const { source, reads } = watched(bytes);
    try {
      const header = await readLuks1(source, signal);
      header?.mapping(sampleVolume.length);
      header?.protectorsFor({ kind: "passphrase" });
    } catch (error) {
      assert.ok(error instanceof LockstepError, String(error));
    }
    assert.ok(reads.length <= 9);
    for (const { lengthBytes } of reads) assert.ok(lengthBytes <= 512 * 4000);
  });
  await fc.assert(property, { numRuns: 100 });
});
