import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { cheapKdf, u16, u32, u64 } from "#testing/volumes/bitlocker-entry-maker.ts";
import type { MadeProtector } from "#testing/volumes/bitlocker-entry-maker.ts";
import { forge, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const signal = new AbortController().signal;
const protectors: readonly MadeProtector[] = [
  { kind: "password", guid: "10000000-0000-4000-8000-000000000001", password: "correct horse" },
  { kind: "clear-key", guid: "50000000-0000-4000-8000-000000000005", key: new Uint8Array(32).fill(5) },
];
const made = makeBitlocker({ protectors });
const vista = makeBitlocker({ protectors, layout: "vista", method: 0x8000 });
const all = [1, 2, 3];

/** Everything that may be done with a volume, with the right secret. */
async function useAll(source: VolumeSource): Promise<void> {
  const header = await readBitlocker(source, signal);
  if (header === null) return;
  header.mapping(source.sizeBytes);
  using secret = new Secret(utf8("correct horse"));
  const terms = { kdf: cheapKdf, limit: { memoryKiB: 0, seconds: 60 }, only: null };
  using _ = await header.unlock({ kind: "passphrase", secret }, terms, signal);
}

async function outcomeOf(source: VolumeSource): Promise<string> {
  try {
    await useAll(source);
    return "opened";
  } catch (error) {
    assert.ok(error instanceof LockstepError, String(error instanceof Error ? error.stack : error));
    return error.code;
  }
}

for (const [name, at, bytes, code, message] of [
  ["the signature", 0, [0], "HEADER_CORRUPT", /it does not begin with -FVE-FS-/],
  ["the size", 8, u16(0), "HEADER_CORRUPT", /its size at byte 8: 0 bytes are not allowed/],
  ["the size", 8, u16(6), "HEADER_CORRUPT", /its size at byte 8: 96 bytes are not allowed/],
  ["the size", 8, u16(4091), "HEADER_CORRUPT", /its size at byte 8: 65456 bytes are not allowed/],
  ["the size", 8, u16(4090), "HEADER_CORRUPT", /its validation: 0 bytes are too few/],
  ["the version", 10, u16(0), "VOLUME_UNSUPPORTED", /its version is 0, known are 1 and 2/],
  ["the version", 8, [0x70, 3, 1, 0], "HEADER_CORRUPT", /its version is 1, which does not go with the boot sector/],
  ["the version", 10, u16(3), "VOLUME_UNSUPPORTED", /its version is 3, known are 1 and 2/],
  ["its own place", 32, u64(0), "HEADER_CORRUPT", /it says that it lies at byte 0/],
  ["the dataset's size", 64, u32(47), "HEADER_CORRUPT", /its dataset at byte 64: 47 bytes do not fit/],
  ["the dataset's size", 64, u32(0xffff_ffff), "HEADER_CORRUPT", /its dataset at byte 64: 4294967295 bytes do not fit/],
  ["the dataset's version", 68, u32(2), "VOLUME_UNSUPPORTED", /its dataset's version is 2, known is 1/],
  ["the size of the dataset's head", 72, u32(0), "HEADER_CORRUPT", /its dataset's head at byte 72: 0 bytes/],
  ["the size of the dataset's head", 72, u32(64), "HEADER_CORRUPT", /its dataset's head at byte 72: 64 bytes/],
  ["an entry's size", 112, u16(7), "HEADER_CORRUPT", /entry 1: size at byte 0: 7 is less than its own head/],
  ["an entry's size", 112, u16(0xffff), "HEADER_CORRUPT", /entry 1: data at byte 8: needs 65527 bytes/],
] as const) {
  test(`a wrong field with checksums that fit is refused: ${name}, ${message.source}`, async () => {
    // Where the place of copy 1 is wrong in all copies, only copy 1 is.
    const image = forge(made, all, at, Uint8Array.from(bytes));
    if (at === 32) for (const offset of made.copyOffsets.slice(1)) image.fill(0, offset, offset + 8);
    await assert.rejects(readBitlocker(memorySource(image), signal), { code, message });
  });
}

test("a volume is of a newer version only when all copies say so", async () => {
  const image = forge(made, [2], 10, u16(9));
  for (const number of [1, 3])
    image.fill(0xee, (made.copyOffsets[number - 1] ?? 0) + 200, (made.copyOffsets[number - 1] ?? 0) + 210);
  await assert.rejects(readBitlocker(memorySource(image), signal), {
    code: "HEADER_CORRUPT",
    message: /its checksum is .*its version is 9, known are 1 and 2/,
  });
});

test("impossible places and sizes with checksums that fit are refused, never rounded", async () => {
  const entryAt =
    made.image.indexOf(0xf, (made.copyOffsets[0] ?? 0) + made.blockBytes - 120) - (made.copyOffsets[0] ?? 0);
  assert.deepEqual(made.image.slice(entryAt + 0x8000 - 2, entryAt + 0x8000 + 4), Uint8Array.of(100, 0, 15, 0, 15, 0));
  for (const [at, bytes, message] of [
    [40, u64(2n ** 53n + 1n), /offset of a metadata copy: 9007199254740993 is too large/],
    [40, u64(2n ** 64n - 1n), /offset of a metadata copy: 18446744073709551615 is too large/],
    [entryAt + 6, u64(2n ** 53n + 1n), /offset of the moved boot sectors: 9007199254740993 is too large/],
    [entryAt + 14, u64(2n ** 64n - 1n), /size of the moved boot sectors: 18446744073709551615 is too large/],
    [entryAt + 6, u64(0x1a001), /its boot sectors were moved to byte 106497, within a sector of 512 bytes/],
    [entryAt + 14, u64(0), /does not say where its boot sectors were moved to/],
  ] as const) {
    const image = forge(made, [1], at, bytes);
    for (const offset of made.copyOffsets.slice(1)) image.fill(0, offset, offset + 8);
    await assert.rejects(readBitlocker(memorySource(image), signal), { code: "HEADER_CORRUPT", message });
  }
});

test("a validation that is impossible makes its copy a damaged one", async () => {
  for (const [at, bytes, message] of [
    [0, u16(7), /copy 1 at byte 32768: its validation: 7 bytes are too few/],
    [2, u16(3), /copy 1 at byte 32768: its validation's version is 3, known are 1 and 2/],
    [4, u32(0), /copy 1 at byte 32768: its checksum is 00000000/],
  ] as const) {
    const image = Uint8Array.from(made.image);
    image.set(bytes, 0x8000 + made.blockBytes + at);
    const { facts } = (await readBitlocker(memorySource(image), signal)) ?? assert.fail();
    assert.match(facts.warnings[0]?.message ?? "", message);
  }
});

test("a volume that was cut anywhere is opened or refused for a reason", async () => {
  const ends = [
    0,
    3,
    10,
    11,
    100,
    511,
    512,
    0x8000,
    0x8001,
    0x8070,
    0x8000 + made.blockBytes,
    0x8000 + made.blockBytes + 87,
  ];
  for (const end of ends) {
    const outcome = await outcomeOf(memorySource(made.image.slice(0, end)));
    assert.equal(outcome, end < 11 ? "opened" : "HEADER_CORRUPT", `cut at ${end}`);
  }
  for (let end = 0x8000 + made.blockBytes + 88; end < made.image.length; end += 9973) {
    const outcome = await outcomeOf(memorySource(made.image.subarray(0, end)));
    assert.equal(outcome, end < 0x1c000 ? "HEADER_CORRUPT" : "opened", `cut at ${end}`);
  }
});

test("reading takes few bytes, whatever the header says", async () => {
  const most = 512 + 2 * 3 * (64 * 1024 + 112) + 4096;
  const fields = fc.tuple(
    fc.integer({ min: 8, max: made.blockBytes - 1 }),
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
  );
  await fc.assert(
    fc.asyncProperty(fields, async ([at, bytes]) => {
      let taken = 0;
      const source = memorySource(forge(made, all, at, bytes));
      const counted: VolumeSource = {
        ...source,
        read: (offset, length, abort) => {
          taken += length;
          return source.read(offset, length, abort);
        },
      };
      await outcomeOf(counted);
      assert.ok(taken <= most, `${taken} bytes`);
    }),
    { numRuns: 50 },
  );
});

test("no byte changed anywhere in the header makes it throw anything but a LockstepError", async () => {
  const volume = fc.constantFrom(made, vista);
  const change = fc.tuple(volume, fc.nat(made.blockBytes + 88), fc.uint8Array({ minLength: 1, maxLength: 8 }));
  await fc.assert(
    fc.asyncProperty(change, fc.boolean(), async ([{ image, ...rest }, at, bytes], isForged) => {
      const changed = isForged ? forge({ image, ...rest }, all, at, bytes) : Uint8Array.from(image);
      if (!isForged) for (const offset of rest.copyOffsets) changed.set(bytes, offset + at);
      await outcomeOf(memorySource(changed));
    }),
    { numRuns: 200 },
  );
});

test("nobody without the key gets a changed header past the MAC", async () => {
  const change = fc.tuple(fc.nat(made.blockBytes - 1), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(change, async ([at, by]) => {
      const before = made.image[0x8000 + at] ?? 0;
      const outcome = await outcomeOf(memorySource(forge(made, all, at, Uint8Array.of(before ^ by))));
      assert.notEqual(outcome, "opened", `byte ${at}`);
    }),
    { numRuns: 100 },
  );
});
