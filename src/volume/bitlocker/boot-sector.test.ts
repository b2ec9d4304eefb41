import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { u64 } from "#testing/volumes/bitlocker-entry-maker.ts";
import { ENCRYPT_ON_WRITE, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import type { BitlockerRecipe } from "#testing/volumes/bitlocker-maker.ts";
import { parseBootSector } from "#volume/bitlocker/boot-sector.ts";

const sectorOf = (recipe: BitlockerRecipe): Uint8Array => makeBitlocker(recipe).image.slice(0, 512);
const ordinary = sectorOf({});
const toGo = sectorOf({ layout: "togo" });
const vista = sectorOf({ layout: "vista" });
const offsets = [0x8000n, 0x20000n, 0x30000n];

const changed = (sector: Uint8Array, at: number, bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(sector);
  copy.set(bytes, at);
  return copy;
};

test("Windows 7 and later have the identifier at byte 160, To Go at 424", () => {
  const facts = { identifier: "ordinary", sectorBytes: 512, copyOffsets: offsets, ntfs: null };
  const identifierText = "4967d63b-2e29-4ad8-8399-f6a339e3d001";
  assert.deepEqual(parseBootSector(ordinary), { layout: "7", identifierText, ...facts });
  assert.deepEqual(parseBootSector(toGo), { layout: "togo", identifierText, ...facts });
});

test("Windows Vista names the cluster of the first copy", () => {
  assert.deepEqual(parseBootSector(vista), {
    layout: "vista",
    identifier: "ordinary",
    identifierText: null,
    sectorBytes: 512,
    copyOffsets: offsets.slice(0, 1),
    ntfs: { clusterBytes: 4096, sectors: 575n },
  });
});

test("encrypt on write has an identifier of its own, and others are kept as they are", () => {
  assert.equal(parseBootSector(sectorOf({ identifier: ENCRYPT_ON_WRITE }))?.identifier, "encrypt-on-write");
  const other = parseBootSector(sectorOf({ identifier: "00112233-4455-6677-8899-aabbccddeeff" }));
  assert.equal(other?.identifier, "unknown");
  assert.equal(other.identifierText, "00112233-4455-6677-8899-aabbccddeeff");
});

test("a FAT volume that old Windows formatted is not To Go", () => {
  assert.equal(parseBootSector(changed(toGo, 424, new Uint8Array(16))), null);
  assert.equal(parseBootSector(toGo.subarray(0, 400)), null);
});

test("other volumes and too few bytes are not BitLocker", () => {
  for (const bytes of [new Uint8Array(512), changed(ordinary, 3, utf8("NTFS    ")), ordinary.subarray(0, 10)]) {
    assert.equal(parseBootSector(bytes), null);
  }
});

test("one that was cut behind its signature is refused", () => {
  for (let length = 11; length < 512; length++) {
    assert.throws(() => parseBootSector(ordinary.subarray(0, length)), {
      code: "HEADER_CORRUPT",
      message: `BitLocker boot sector: it is cut short after ${length} bytes`,
    });
  }
});

test("Vista's clusters must be possible", () => {
  for (const [at, bytes, message] of [
    [11, [0x00, 0x03], /bytes per sector at byte 11: 768 is not allowed/],
    [11, [0x00, 0x00], /bytes per sector at byte 11: 0 is not allowed/],
    [11, [0x00, 0x20], /bytes per sector at byte 11: 8192 is not allowed/],
    [13, [0], /sectors per cluster at byte 13: 0 is not allowed/],
    [13, [3], /sectors per cluster at byte 13: 3 is not allowed/],
  ] as const) {
    assert.throws(() => parseBootSector(changed(vista, at, Uint8Array.from(bytes))), {
      code: "HEADER_CORRUPT",
      message,
    });
  }
});

test("offsets of 64 bits stay exact", () => {
  const greatest = 0xffff_ffff_ffff_ffffn;
  assert.equal(parseBootSector(changed(ordinary, 176, u64(greatest)))?.copyOffsets[0], greatest);
  assert.equal(parseBootSector(changed(vista, 56, u64(greatest)))?.copyOffsets[0], greatest * 4096n);
});

test("no byte changed anywhere makes it throw anything but a LockstepError", () => {
  const sector = fc.constantFrom(ordinary, toGo, vista);
  fc.assert(
    fc.property(sector, fc.nat(511), fc.nat(255), (bytes, at, to) => {
      try {
        parseBootSector(bytes.with(at, to));
      } catch (error) {
        assert.ok(error instanceof LockstepError, String(error));
      }
    }),
  );
});
