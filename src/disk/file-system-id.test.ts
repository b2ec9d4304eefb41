import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { hex, utf8 } from "#bytes/text.ts";
import { readFileSystemId } from "#disk/file-system-id.ts";
import { readLayoutHash } from "#disk/identity.ts";
import type { ReadBytes } from "#disk/identity.ts";

const KIB = 1024;
const uuid = Uint8Array.from({ length: 32 }, (_, at) => 0x61 + at);

function reader(disk: Uint8Array): ReadBytes {
  return (offsetBytes, into) => {
    assert.ok(offsetBytes + into.length <= disk.length, "reads within the disk only");
    into.set(disk.subarray(offsetBytes, offsetBytes + into.length));
    return Promise.resolve();
  };
}

function diskWith(...parts: readonly (readonly [offsetBytes: number, bytes: Uint8Array])[]): Uint8Array {
  const disk = new Uint8Array(128 * KIB);
  for (const [offsetBytes, bytes] of parts) disk.set(bytes, offsetBytes);
  return disk;
}

const shortUuid = uuid.subarray(0, 16);
const disks = {
  lvm: diskWith([512, utf8("LABELONE")], [544, uuid]),
  xfs: diskWith([0, utf8("XFSB")], [32, shortUuid]),
  btrfs: diskWith([64 * KIB + 64, utf8("_BHRfS_M")], [64 * KIB + 32, shortUuid]),
  ext: diskWith([1080, Uint8Array.of(0x53, 0xef)], [1128, shortUuid]),
};

test("each is found by its magic, and known by its id alone", async () => {
  for (const [name, disk] of Object.entries(disks)) {
    const id = name === "lvm" ? uuid : shortUuid;
    assert.deepEqual(await readFileSystemId(reader(disk), disk.length), { name, id });
    const wanted = createHash("sha256").update(`lockstep layout ${name}\0`).update(id).digest("hex");
    assert.equal(await readLayoutHash(reader(disk), disk.length), wanted);
    const idAt = disk.findIndex((byte, at) => byte === 0x61 && disk[at + 1] === 0x62);
    assert.notEqual(await readLayoutHash(reader(disk.with(idAt, 1)), disk.length), wanted, name);
    assert.equal(await readLayoutHash(reader(disk.with(100 * KIB, 1)), disk.length), wanted, name);
  }
});

test("an LVM label may lie in any of the first four sectors", async () => {
  for (const sector of [0, 1, 2, 3]) {
    const disk = diskWith([sector * 512, utf8("LABELONE")], [sector * 512 + 32, uuid]);
    assert.equal(hex((await readFileSystemId(reader(disk), disk.length))?.id ?? new Uint8Array()), hex(uuid));
  }
  const beyond = diskWith([2048, utf8("LABELONE")], [2080, uuid]);
  assert.equal(await readFileSystemId(reader(beyond), beyond.length), null);
});

test("a partition table goes before what lies in the gap behind it", async () => {
  const mbr = disks.ext.slice();
  mbr.set([0x55, 0xaa], 510);
  const wanted = createHash("sha256").update("lockstep layout mbr\0").update(mbr.subarray(440, 512)).digest("hex");
  assert.equal(await readLayoutHash(reader(mbr), mbr.length), wanted);
});

test("a disk that ends before the id has none", async () => {
  for (const disk of Object.values(disks)) {
    for (const length of [0, 33, 512, 1081, 1130, 64 * KIB + 70]) {
      const cut = disk.subarray(0, length);
      const found = await readFileSystemId(reader(cut), cut.length);
      assert.ok(found === null || found.id.every((byte) => byte !== 0), `${length}`);
    }
  }
});
