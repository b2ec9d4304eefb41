import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, hex, utf8 } from "#bytes/text.ts";
import { btrfsChecksum } from "#volume/filesystem/btrfs-checksum.ts";
import { crc16 } from "#volume/filesystem/crc16.ts";
import { lvmCrc } from "#volume/filesystem/lvm-areas.ts";

const check = utf8("123456789");

test("CRC-16 gives the check value of its catalogue entry, in parts too", () => {
  assert.equal(crc16(check), 0x4b37);
  assert.equal(crc16(check.subarray(0, 4), check.subarray(4)), 0x4b37);
});

test("LVM's checksum is a CRC-32 without inversion that begins with a number of its own", () => {
  let crc = 0xf597a6cf;
  for (const byte of check) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  assert.equal(lvmCrc(check), crc >>> 0);
});

test("Btrfs' checksums are those of their papers, as they are stored", async () => {
  const stored = async (type: number, bytes: Uint8Array): Promise<string | null> => {
    const sum = await btrfsChecksum(type, bytes);
    return sum === null ? null : hex(sum);
  };
  assert.equal(await stored(0, check), "839206e3");
  // XXH64 of nothing with seed 0 is ef46db3751d8e999
  assert.equal(await stored(1, new Uint8Array()), hex((fromHex("ef46db3751d8e999") ?? new Uint8Array()).reverse()));
  assert.equal(await stored(2, utf8("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(await stored(3, new Uint8Array()), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  assert.equal(await stored(4, check), null);
});
