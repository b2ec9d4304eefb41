import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { seededRandom } from "#testing/random.ts";
import {
  firstPayloadSector,
  keyslotAt,
  makeLuks1,
  materialSector,
  materialSectors,
} from "#testing/volumes/luks1-maker.ts";
import { luksVersion, parseLuks1 } from "#volume/luks1/luks1.ts";

const KEY_BYTES = 32;
const UUID = "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11";
const make = {
  random: seededRandom("luks1"),
  cipherName: "aes",
  cipherMode: "cbc-essiv:sha256",
  hash: "sha1",
  volumeKey: seededRandom("volume key")(KEY_BYTES),
  keyslots: [{ number: 2, passphrase: "two", iterations: 1500 }],
  digestIterations: 1200,
  payloadSectors: 4040,
  plaintext: new Uint8Array(),
  uuid: UUID,
};
const good = makeLuks1(make).slice(0, 592);

function changed(...changes: readonly (readonly [at: number, value: number])[]): Uint8Array {
  const bytes = good.slice();
  const view = new DataView(bytes.buffer);
  for (const [at, value] of changes) view.setUint32(at, value);
  return bytes;
}

function withText(at: number, text: string): Uint8Array {
  const bytes = good.slice();
  bytes.fill(0, at, at + 32);
  bytes.set(utf8(text), at);
  return bytes;
}

const PAYLOAD_AT = 104;
const KEY_BYTES_AT = 108;
const DIGEST_ITERATIONS_AT = 164;
const offsetAt = (number: number): number => keyslotAt(number) + 40;
const stripesAt = (number: number): number => keyslotAt(number) + 44;

test("reads all fields of a header", () => {
  const header = parseLuks1(good);
  assert.ok(header !== null);
  assert.equal(header.cipherName, "aes");
  assert.equal(header.cipherMode, "cbc-essiv:sha256");
  assert.equal(header.hash, "sha1");
  assert.equal(header.payloadOffsetBytes, 4040 * 512);
  assert.equal(header.keyBytes, KEY_BYTES);
  assert.equal(header.digestIterations, 1200);
  assert.equal(header.uuid, UUID);
  assert.equal(header.isReencrypting, false);
  assert.equal(header.materialBytes, 128_000);
  assert.deepEqual(header.digest, good.subarray(112, 132));
  assert.deepEqual(header.digestSalt, good.subarray(132, 164));
  assert.equal(header.keyslots.length, 8);
  const [first, , third] = header.keyslots;
  assert.equal(first?.state, "disabled");
  assert.equal(third?.state, "enabled");
  assert.equal(third?.iterations, 1500);
  assert.equal(third?.materialOffsetBytes, (8 + 2 * 256) * 512);
  assert.deepEqual(third?.salt, good.subarray(keyslotAt(2) + 8, keyslotAt(2) + 40));
});

test("is not LUKS1: another magic, another version, too few bytes to tell", () => {
  assert.equal(parseLuks1(new Uint8Array(592)), null);
  assert.equal(parseLuks1(good.with(7, 2)), null);
  assert.equal(parseLuks1(good.with(0, 0x53)), null);
  assert.equal(parseLuks1(good.subarray(0, 7)), null);
  assert.equal(parseLuks1(new Uint8Array()), null);
  assert.equal(luksVersion(good), 1);
  assert.equal(luksVersion(good.with(6, 1).with(7, 2)), 258);
  assert.equal(luksVersion(new Uint8Array(592)), null);
});

test("cut anywhere, it is refused with the field named", () => {
  for (let length = 8; length < 592; length++) {
    assert.throws(() => parseLuks1(good.subarray(0, length)), {
      code: "HEADER_CORRUPT",
      message: /^LUKS1 header: .* at byte \d+: needs \d+ bytes, \d+ left$/,
    });
  }
});

test("what cryptsetup refuses is refused, in keyslots that are not in use too", () => {
  const end = materialSectors(KEY_BYTES);
  for (const [bytes, message] of [
    [changed([KEY_BYTES_AT, 0]), /key bytes at byte 108: 0 is not/],
    [changed([KEY_BYTES_AT, 0xffffffff]), /key bytes at byte 108: 4294967295 is not/],
    [changed([DIGEST_ITERATIONS_AT, 0]), /iterations of the digest at byte 164: 0/],
    [changed([stripesAt(2), 3999]), /stripes of keyslot 2 at byte 348: 3999 is not 4000/],
    [changed([stripesAt(7), 0]), /stripes of keyslot 7 at byte 588: 0 is not 4000/],
    [changed([offsetAt(0), 0]), /offset of keyslot 0 at byte 248: sector 0 is in the header/],
    [changed([offsetAt(5), 1]), /offset of keyslot 5 at byte 488: sector 1 is in the header/],
    [changed([offsetAt(3), 0x00800000]), /offset of keyslot 3 .* reach into the payload/],
    [changed([offsetAt(3), 0xffffffff]), /offset of keyslot 3 .* reach into the payload/],
    [changed([offsetAt(7), 4041 - end]), /offset of keyslot 7 .* reach into the payload/],
    [changed([PAYLOAD_AT, 1]), /offset of keyslot 0 .* reach into the payload, which begins at sector 1/],
    [changed([PAYLOAD_AT, firstPayloadSector(KEY_BYTES) - 1]), /offset of keyslot 7 .* reach into the payload/],
    [changed([offsetAt(1), 8 + end - 1]), /offset of keyslot 1 .* is within the key material of keyslot 0/],
    [changed([offsetAt(1), materialSector(0, KEY_BYTES)]), /sector 8 is within the key material of keyslot 0/],
    [changed([offsetAt(0), 8 + 256 + 1]), /offset of keyslot 0 .* is within the key material of keyslot 1/],
    [changed([PAYLOAD_AT, 0], [offsetAt(6), 300]), /is within the key material of keyslot/],
    [withText(8, ""), /cipher name at byte 8: it is empty/],
    [withText(40, "xts\u0007"), /cipher mode at byte 40: byte 0x7 is not printable/],
    [withText(72, "\n"), /hash at byte 72: byte 0xa/],
  ] as const) {
    assert.throws(() => parseLuks1(bytes), { code: "HEADER_CORRUPT", message });
  }
});

test("payloads at any sector behind the keyslots are taken, odd ones and 0 too", () => {
  for (const sector of [0, firstPayloadSector(KEY_BYTES), 2056, 4040, 4096, 1_000_003, 0xffffffff]) {
    assert.equal(parseLuks1(changed([PAYLOAD_AT, sector]))?.payloadOffsetBytes, sector * 512);
  }
});

test("keyslots in any order and right behind the header are taken", () => {
  const swapped = changed([offsetAt(0), materialSector(1, KEY_BYTES)], [offsetAt(1), materialSector(0, KEY_BYTES)]);
  assert.equal(parseLuks1(swapped)?.keyslots[0]?.materialOffsetBytes, materialSector(1, KEY_BYTES) * 512);
  assert.equal(parseLuks1(changed([offsetAt(0), 2]))?.keyslots[0]?.materialOffsetBytes, 1024);
});

test("a keyslot with a damaged state, or with 0 iterations, leaves the others readable", () => {
  const header = parseLuks1(changed([keyslotAt(4), 0x00ac71f2], [keyslotAt(2) + 4, 0]));
  assert.equal(header?.keyslots[4]?.state, "damaged");
  assert.equal(header?.keyslots[4]?.stateValue, 0x00ac71f2);
  assert.equal(header?.keyslots[2]?.iterations, 0);
});

test("texts end at the first zero, and at the last byte where there is none", () => {
  const junk = withText(40, "xts-plain64\0junk");
  assert.equal(parseLuks1(junk)?.cipherMode, "xts-plain64");
  assert.equal(parseLuks1(withText(72, "h".repeat(32)))?.hash, "h".repeat(31));
  const uuid = good.slice();
  uuid.set([0x1b, 0x5b, 0x41, 0xff], 168);
  assert.match(parseLuks1(uuid)?.uuid ?? "", /^\\x1b\[A\\xff/);
});

test("a volume that an offline re-encryption left half-way is known by its magic", () => {
  const marked = good.with(4, 0xde).with(5, 0xad);
  assert.equal(parseLuks1(marked)?.isReencrypting, true);
  assert.equal(parseLuks1(marked.with(7, 2)), null);
});

test("any damage gives a header or an error of ours", () => {
  const damages = fc.array(fc.tuple(fc.integer({ min: 8, max: 591 }), fc.nat(255)), { minLength: 1, maxLength: 6 });
  const property = fc.property(damages, (changes) => {
    const bytes = good.slice();
    for (const [at, value] of changes) bytes[at] = value;
    try {
      const header = parseLuks1(bytes);
      assert.ok(header !== null);
      assert.ok(header.materialBytes <= 512 * 4000);
      assert.ok(header.keyslots.every(({ materialOffsetBytes }) => Number.isSafeInteger(materialOffsetBytes)));
    } catch (error) {
      assert.ok(error instanceof LockstepError && error.code === "HEADER_CORRUPT", String(error));
    }
  });
  fc.assert(property, { numRuns: 500 });
});
