import assert from "node:assert/strict";
import { test } from "node:test";

import { someUuidText, sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { extDescriptor, extSuperblock, type ExtOptions } from "#testing/volumes/filesystem-maker.ts";
import { ext } from "#volume/filesystem/ext.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const find = (pieces: readonly Piece[], sizeBytes = 256 * MIB) => ext.find(sparseSource(sizeBytes, pieces), signal);
const first = (options: ExtOptions = {}): Piece => ({ offsetBytes: 1024, bytes: extSuperblock(options) });
const backup = (offsetBytes: number, options: ExtOptions): Piece => ({ offsetBytes, bytes: extSuperblock(options) });

test("a superblock with its checksum is read", async () => {
  assert.deepEqual(await find([first()]), {
    kind: "file system",
    type: "ext4",
    variant: null,
    label: "root",
    uuid: someUuidText,
    sizeBytes: 256 * MIB,
    verified: "checksum",
    copy: { which: "first", offsetBytes: 1024 },
    problems: [],
    lvm: null,
  });
});

test("the type follows from the features, as the old drivers knew them", async () => {
  for (const [features, type] of [
    [{ compatible: 0x38, incompatible: 0x2, readOnly: 0x3 }, "ext2"],
    [{ compatible: 0x3c, incompatible: 0x2, readOnly: 0x3 }, "ext3"],
    [{ compatible: 0x3c, incompatible: 0x6, readOnly: 0x3 }, "ext3"],
    [{ compatible: 0x3c, incompatible: 0x42, readOnly: 0x3 }, "ext4"],
    [{ compatible: 0x38, incompatible: 0x2, readOnly: 0xb }, "ext4"],
    [{ compatible: 0, incompatible: 0x8, readOnly: 0 }, "jbd"],
  ] as const) {
    const found = await find([first(features)]);
    assert.deepEqual([found?.type, found?.verified], [type, "structure"], type);
  }
});

test("without a checksum in the superblock that of the first group descriptor counts", async () => {
  const superblock = first({ compatible: 0x3c, incompatible: 0x42, readOnly: 0x13 });
  const descriptor = extDescriptor();
  assert.equal((await find([superblock, { offsetBytes: 4096, bytes: descriptor }]))?.verified, "checksum");
  const wrong = await find([superblock, { offsetBytes: 4096, bytes: descriptor.with(4, 1) }]);
  assert.deepEqual([wrong?.verified, wrong?.problems[0]?.code], ["structure", "CHECKSUM_WRONG"]);
});

test("where the first superblock is damaged, its copies are tried at the usual places", async () => {
  const damaged = { offsetBytes: 1024, bytes: extSuperblock().with(4, 1) };
  for (const [offsetBytes, options] of [
    [32768 * 4096, { group: 1 }],
    [8193 * 1024, { blockShift: 0, group: 1 }],
    [(3 * 8192 + 1) * 1024, { blockShift: 0, group: 3 }],
    [16384 * 2048, { blockShift: 1, group: 1 }],
  ] as const) {
    const found = await find([damaged, backup(offsetBytes, options)]);
    assert.deepEqual([found?.verified, found?.copy], ["checksum", { which: "backup", offsetBytes }]);
    assert.match(
      found?.problems[0]?.message ?? "",
      /superblock at byte 1024 is damaged; read from the copy at byte \d+/,
    );
    const gone = await ext.findCopy(sparseSource(256 * MIB, [backup(offsetBytes, options)]), signal);
    assert.equal(gone?.copy.offsetBytes, offsetBytes);
  }
});

test("a copy of another group, or one that is damaged too, is not taken", async () => {
  const damaged = { offsetBytes: 1024, bytes: extSuperblock().with(4, 1) };
  const wrongGroup = backup(32768 * 4096, { group: 3 });
  const wrongSum = { offsetBytes: 32768 * 4096, bytes: extSuperblock({ group: 1 }).with(4, 1) };
  for (const copy of [wrongGroup, wrongSum]) {
    const found = await find([damaged, copy]);
    assert.deepEqual([found?.verified, found?.problems[0]?.code], ["magic only", "CHECKSUM_WRONG"]);
  }
});

test("two bytes of magic among impossible numbers are no file system", async () => {
  const bytes = new Uint8Array(1024).fill(0xa5);
  bytes.set([0x53, 0xef], 56);
  assert.equal(await find([{ offsetBytes: 1024, bytes }]), null);
});

test("a file system that is larger than its volume is told, with 64-bit sizes", async () => {
  const small = await find([first()], 100 * MIB);
  assert.deepEqual([small?.sizeBytes, small?.problems[0]?.code], [256 * MIB, "BEYOND_VOLUME"]);
  const bytes = extSuperblock({ incompatible: 0x82, readOnly: 0x3 });
  bytes.set([1], 336);
  const huge = await find([{ offsetBytes: 1024, bytes }]);
  assert.equal(huge?.sizeBytes, (2 ** 32 + 65536) * 4096);
  assert.equal((await find([{ offsetBytes: 1024, bytes: bytes.with(339, 255) }]))?.sizeBytes, null, "never rounded");
});
