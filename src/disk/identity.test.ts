import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { utf8 } from "#bytes/text.ts";
import type { DiskIdentity } from "#disk/contract.ts";
import { compareIdentity, readLayoutHash } from "#disk/identity.ts";

function hashOf(disk: Uint8Array): Promise<string | null> {
  return readLayoutHash(async (offsetBytes, into) => {
    assert.ok(offsetBytes + into.length <= disk.length, "reads within the disk only");
    into.set(disk.subarray(offsetBytes, offsetBytes + into.length));
  }, disk.length);
}

function expected(name: string, ...parts: Uint8Array[]): string {
  const hash = createHash("sha256").update(`${name}\0`);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function mbrDisk(): Uint8Array {
  const disk = new Uint8Array(1024 * 1024).fill(7);
  disk.set([0x55, 0xaa], 510);
  return disk;
}

function gptDisk(sectorBytes: number, entries = { count: 128, size: 128, lba: 2n }): Uint8Array {
  const disk = mbrDisk();
  const header = new DataView(disk.buffer, sectorBytes, sectorBytes);
  disk.set(utf8("EFI PART"), sectorBytes);
  header.setBigUint64(72, entries.lba, true);
  header.setUint32(80, entries.count, true);
  header.setUint32(84, entries.size, true);
  return disk;
}

test("a GPT's hash covers the MBR table, the header's sector and the entries, as documented", async () => {
  for (const sectorBytes of [512, 4096]) {
    const disk = gptDisk(sectorBytes);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, sectorBytes, true);
    const header = disk.subarray(sectorBytes, 2 * sectorBytes);
    const entries = disk.subarray(2 * sectorBytes, 2 * sectorBytes + 16384);
    const wanted = expected("lockstep layout gpt", disk.subarray(440, 512), size, header, entries);
    assert.equal(await hashOf(disk), wanted);
  }
});

test("boot code and data may change, the table may not", async () => {
  for (const make of [mbrDisk, () => gptDisk(512)]) {
    const before = await hashOf(make());
    const rewritten = make();
    rewritten.fill(9, 0, 440);
    rewritten.fill(9, 34 * 512);
    assert.equal(await hashOf(rewritten), before);
    assert.notEqual(await hashOf(make().with(446, 1)), before);
  }
  assert.notEqual(await hashOf(gptDisk(512).with(1024 + 100, 1)), await hashOf(gptDisk(512)));
});

test("an MBR without a GPT hashes its table alone", async () => {
  const disk = mbrDisk();
  assert.equal(await hashOf(disk), expected("lockstep layout mbr", disk.subarray(440, 512)));
});

test("a LUKS disk hashes its UUID alone, even when its salt ends like a boot sector", async () => {
  const disk = mbrDisk();
  disk.set([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 2]);
  disk.set(utf8("3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11"), 168);
  assert.equal(await hashOf(disk), expected("lockstep layout luks", disk.subarray(168, 208)));
  assert.equal(await hashOf(disk.with(300, 1)), await hashOf(disk));
});

test("a disk without any of these has no hash", async () => {
  assert.equal(await hashOf(new Uint8Array(65536)), null);
  assert.equal(await hashOf(new Uint8Array(511).fill(0x55)), null);
});

test("a GPT that lies about its entries makes it read neither beyond the disk nor more than 1 MiB", async () => {
  const lies = [
    { count: 0xffffffff, size: 0xffffffff, lba: 2n },
    { count: 128, size: 128, lba: 0xffffffffffffffffn },
    { count: 128, size: 128, lba: 2047n },
    { count: 0, size: 0, lba: 0n },
  ];
  for (const lie of lies) assert.match((await hashOf(gptDisk(512, lie))) ?? "", /^[0-9a-f]{64}$/);
});

test("no bytes at all make it throw or read outside of the disk", async () => {
  const sector = fc.uint8Array({ minLength: 0, maxLength: 64 });
  await fc.assert(
    fc.asyncProperty(sector, fc.integer({ min: 0, max: 9000 }), async (bytes, length) => {
      const disk = new Uint8Array(length);
      for (const at of [0, 440, 512, 512 + 72, 4096, 4096 + 72])
        disk.set(bytes.subarray(0, Math.max(0, length - at)), Math.min(at, length));
      if (length >= 520) disk.set(utf8("EFI PART"), 512);
      await hashOf(disk);
    }),
    { numRuns: 50 },
  );
});

const known: DiskIdentity = { kind: "block", stableId: "wwid:naa.5000", sizeBytes: 100, layoutHash: "aa" };

test("the same disk may grow, shrink, and show an id where it showed none", () => {
  assert.deepEqual(compareIdentity(known, known), []);
  assert.deepEqual(compareIdentity(known, { ...known, sizeBytes: 50 }), []);
  assert.deepEqual(compareIdentity(known, { ...known, stableId: null }), []);
  assert.deepEqual(compareIdentity({ ...known, stableId: null }, known), []);
});

test("each sign of another disk is a reason in words", () => {
  const other: DiskIdentity = { kind: "file", stableId: "wwid:naa.6000", sizeBytes: 100, layoutHash: "bb" };
  assert.deepEqual(compareIdentity(known, other), [
    "it was a block device and is an image file now",
    "its id was wwid:naa.5000 and is wwid:naa.6000 now",
    "its partition table, LUKS header or file system is another one",
  ]);
  assert.match(compareIdentity(known, { ...known, layoutHash: null })[0] ?? "", /is gone/);
  assert.match(compareIdentity({ ...known, layoutHash: null }, known)[0] ?? "", /has one now/);
});
