import assert from "node:assert/strict";
import { test } from "node:test";

import { seededRandom } from "#testing/random.ts";
import { cryptSegment, put } from "#testing/volumes/luks2-maker.ts";
import { headerOf, luks2Sample, passphrase, plaintextOf, signal, terms } from "#testing/volumes/luks2-sample.ts";

test("each passphrase opens its keyslot, and gives the volume key and the plaintext", async () => {
  const maker = luks2Sample.copy();
  const plaintext = seededRandom("plain")(8192);
  maker.putData(plaintext);
  const header = await headerOf(maker.written());
  for (const [number, text] of ["first", "second"].entries()) {
    using unlocked = await header.unlock(passphrase(text), terms(), signal);
    assert.equal(unlocked.protector?.id, `keyslot ${number}`);
    assert.deepEqual(
      unlocked.volumeKeys.map((key) => key.bytes),
      [maker.volumeKeys[0]],
    );
  }
  assert.deepEqual(await plaintextOf(maker.volume, passphrase("first")), plaintext);
});

test("large sectors and an IV tweak decrypt as dm-crypt has them", async () => {
  const maker = luks2Sample.copy();
  const plaintext = seededRandom("plain")(8192);
  const ivTweak = 2n ** 40n;
  put(maker.json, "segments.0", cryptSegment({ sector_size: 4096, iv_tweak: String(ivTweak) }));
  maker.putData(plaintext, { sectorBytes: 4096, ivTweak });
  assert.deepEqual(await plaintextOf(maker.written(), passphrase("second")), plaintext);
});

test("a detached header maps the whole data device", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "segments.0.offset", "0");
  const header = await headerOf(maker.written());
  assert.equal(header.facts.payload, null);
  assert.deepEqual(header.mapping(4096 + 511).stretches, [
    {
      offsetBytes: 0,
      lengthBytes: 4096,
      content: { kind: "encrypted", sourceOffsetBytes: 0, ivOffsetBytes: 0n, cipher: 0 },
    },
  ]);
  assert.throws(() => header.mapping(511), { code: "HEADER_CORRUPT", message: /segments\.0/ });
});

test("a segment of a fixed size must fit the volume, and bytes beyond 2^53 are not rounded", async () => {
  const maker = luks2Sample.copy();
  for (const [size, fits] of [
    ["4096", true],
    ["8192", true],
    ["8704", false],
    [String(2n ** 64n - 512n), false],
  ] as const) {
    put(maker.json, "segments.0.size", size);
    const header = await headerOf(maker.written());
    if (fits) assert.equal(header.mapping(maker.volume.length).sizeBytes, Number(size));
    else assert.throws(() => header.mapping(maker.volume.length), { code: "HEADER_CORRUPT", message: /segments\.0/ });
    assert.equal(
      header.facts.warnings.some(({ code }) => code === "SIZE_IMPOSSIBLE"),
      !fits,
    );
    assert.equal(header.facts.payload === null, !fits);
  }
});
