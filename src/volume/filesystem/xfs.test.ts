import assert from "node:assert/strict";
import { test } from "node:test";

import { someUuidText, sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { xfsSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { xfs } from "#volume/filesystem/xfs.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const source = (pieces: readonly Piece[], sizeBytes = 64 * MIB) => sparseSource(sizeBytes, pieces);
const first = { offsetBytes: 0, bytes: xfsSuperblock() };

test("a superblock with its checksum is read; before version 5 there was none", async () => {
  assert.deepEqual(await xfs.find(source([first]), signal), {
    kind: "file system",
    type: "xfs",
    variant: "version 5",
    label: "data",
    uuid: someUuidText,
    sizeBytes: 64 * MIB,
    verified: "checksum",
    copy: { which: "first", offsetBytes: 0 },
    problems: [],
    lvm: null,
  });
  const old = await xfs.find(source([{ offsetBytes: 0, bytes: xfsSuperblock(4096, 4) }]), signal);
  assert.deepEqual([old?.variant, old?.verified], ["version 4", "structure"]);
});

test("the second group's copy stands in for a damaged or missing first superblock", async () => {
  const copy = { offsetBytes: 16 * MIB, bytes: first.bytes };
  for (const at of [40, 110, 120, 300]) {
    const found = await xfs.find(source([{ offsetBytes: 0, bytes: first.bytes.with(at, 0xff) }, copy]), signal);
    assert.deepEqual([found?.verified, found?.copy.offsetBytes], ["checksum", 16 * MIB], `byte ${at}`);
  }
  assert.equal((await xfs.findCopy(source([copy]), signal))?.copy.which, "backup");
  assert.equal(await xfs.findCopy(source([{ ...copy, offsetBytes: 8 * MIB }]), signal), null, "groups of another size");
});

test("a wrong checksum without a better copy is told", async () => {
  const found = await xfs.find(source([{ offsetBytes: 0, bytes: first.bytes.with(40, 0xff) }]), signal);
  assert.deepEqual([found?.verified, found?.problems[0]?.code], ["magic only", "CHECKSUM_WRONG"]);
});
