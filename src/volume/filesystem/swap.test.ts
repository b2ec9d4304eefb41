import assert from "node:assert/strict";
import { test } from "node:test";

import { someUuidText, sparseSource } from "#testing/disks/sparse-source.ts";
import { swapPage } from "#testing/volumes/filesystem-maker.ts";
import { otherMarks } from "#volume/filesystem/marks.ts";
import { swap } from "#volume/filesystem/swap.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const find = (bytes: Uint8Array) => swap.find(sparseSource(16 * MIB, [{ offsetBytes: 0, bytes }]), signal);
const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

test("swap space of every page size and byte order is read", async () => {
  for (const pageBytes of [4096, 8192, 16384, 32768, 65536]) {
    for (const order of ["little", "big"] as const) {
      const found = await find(swapPage(pageBytes, order));
      assert.deepEqual(
        [found?.type, found?.variant, found?.label, found?.uuid, found?.sizeBytes, found?.verified],
        [
          "swap",
          `page size ${pageBytes}${order === "big" ? ", big-endian" : ""}`,
          "swap0",
          someUuidText,
          100 * pageBytes,
          "structure",
        ],
      );
    }
  }
});

test("a sleeping machine's swap space, an old one and an impossible one are told apart", async () => {
  assert.equal((await find(swapPage(4096, "little", "S1SUSPEND")))?.type, "swsuspend");
  assert.equal((await find(swapPage(4096, "little", "SWAP-SPACE")))?.variant, "page size 4096, version 0");
  assert.equal((await find(swapPage(4096).with(1024, 7)))?.verified, "magic only");
  assert.equal((await find(swapPage(4096).with(1035, 255)))?.verified, "magic only", "more bad pages than fit");
});

test("members of larger things are told by their marks alone", async () => {
  for (const [type, offsetBytes, mark] of [
    ["apfs", 32, "NXSB"],
    ["squashfs", 0, "hsqs"],
    ["iso9660", 32768, "\x01CD001"],
    ["refs", 3, "ReFS\0\0\0\0"],
    ["bcache", 4120, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"],
    ["zfs_member", 128 * 1024 + 5 * 1024, "\x0c\xb1\xba\0\0\0\0\0"],
    ["zfs_member", 128 * 1024, "\0\0\0\0\0\xba\xb1\x0c"],
    ["linux_raid_member", 0, "\xfc\x4e\x2b\xa9\x01\0\0\0"],
    ["linux_raid_member", 16 * MIB - 8192, "\xfc\x4e\x2b\xa9\x01\0\0\0"],
    ["linux_raid_member", 16 * MIB - 65536, "\xfc\x4e\x2b\xa9\0\0\0\0"],
    ["VMFS_volume_member", MIB, "\x0d\xd0\x01\xc0"],
  ] as const) {
    const source = sparseSource(16 * MIB, [{ offsetBytes, bytes: ascii(mark) }]);
    const found = await otherMarks.find(source, signal);
    assert.deepEqual(
      [found?.type, found?.verified, found?.copy.offsetBytes],
      [type, "magic only", found?.copy.offsetBytes],
    );
  }
  assert.equal(await otherMarks.find(sparseSource(16 * MIB, []), signal), null);
  assert.equal(await otherMarks.find(sparseSource(100, []), signal), null);
});
