import assert from "node:assert/strict";
import { readFileSync, readSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { test } from "node:test";

import { alignedBuffer } from "#bytes/arrays.ts";
import { openExistingTarget } from "#disk/existing-target.ts";
import { openDisk } from "#disk/open.ts";

import { addPartitions, attach, mbrWithOnePartition, newFolder, run, skipUnlessRoot, sparseFile } from "./rig.ts";

const signal = new AbortController().signal;
const MIB = 1024 * 1024;

test("a block device is one range, read through both descriptors, and has no stable id as a loop device", async (t) => {
  if (skipUnlessRoot(t)) return;
  const image = sparseFile(newFolder(t), "disk.img", 3 * MIB + 512);
  const bytes = Uint8Array.from({ length: 3 * MIB + 512 }, (_, at) => (at * 31) % 255);
  writeFileSync(image, bytes);
  await using disk = await openDisk(attach(t, image), {}, signal);
  assert.deepEqual(disk.identity, { kind: "block", stableId: null, sizeBytes: 3 * MIB + 512, layoutHash: null });
  assert.deepEqual(await Array.fromAsync(disk.dataRanges(signal)), [{ offsetBytes: 0, lengthBytes: 3 * MIB + 512 }]);
  const into = new Uint8Array(bytes.length);
  await disk.read(0, into, signal);
  assert.deepEqual(into, bytes);
  const direct = disk.descriptors?.direct ?? assert.fail("a loop device can be read directly");
  const page = alignedBuffer(4096);
  assert.equal(readSync(direct, page, 0, 4096, 8192), 4096);
  assert.deepEqual(Uint8Array.from(page), bytes.subarray(8192, 8192 + 4096));
});

test("a loop device with nothing attached has no medium", async (t) => {
  if (skipUnlessRoot(t)) return;
  const device = attach(t, sparseFile(newFolder(t), "disk.img", MIB));
  run("losetup", "--detach", device);
  await assert.rejects(openDisk(device, {}, signal), (error: Error & { code?: string }) => {
    return error.code === "DISK_UNSUPPORTED" || error.code === "DISK_MISSING";
  });
});

test("sectors that the medium refuses are named to the sector, and the rest is read", async (t) => {
  if (skipUnlessRoot(t)) return;
  const image = sparseFile(newFolder(t), "disk.img", 4 * MIB);
  writeFileSync(image, new Uint8Array(4 * MIB).fill(1));
  const device = attach(t, image);
  truncateSync(image, 2 * MIB + 512); // the loop driver answers reads beyond its file with I/O errors
  await using disk = await openDisk(device, {}, signal);
  const into = new Uint8Array(2 * MIB);
  const bad = { offsetBytes: 2 * MIB + 512, lengthBytes: MIB - 512 };
  await assert.rejects(disk.read(MIB, into, signal), {
    code: "DISK_UNREADABLE",
    message: `reading ${device}: bytes ${bad.offsetBytes}-${3 * MIB - 1} cannot be read`,
  });
  assert.deepEqual(await disk.readAround(MIB, into, signal), [bad]);
  assert.ok(into.subarray(0, MIB + 512).every((byte) => byte === 1));
  assert.ok(into.subarray(MIB + 512).every((byte) => byte === 0));
});

test("a write to a device is noticed, through the cache, past it, and through its partition; a read is not", async (t) => {
  if (skipUnlessRoot(t, "partx", "blkdiscard")) return;
  const image = sparseFile(newFolder(t), "disk.img", 4 * MIB);
  writeFileSync(image, mbrWithOnePartition(MIB), { flag: "r+" });
  const device = attach(t, image);
  addPartitions(t, device);
  const write = {
    "through the cache": ["dd", "if=/dev/zero", `of=${device}`, "bs=4096", "count=1", "seek=300", "conv=notrunc"],
    "past the cache": ["dd", "if=/dev/zero", `of=${device}`, "bs=4096", "count=1", "oflag=direct", "conv=notrunc"],
    "through the partition": ["dd", "if=/dev/zero", `of=${device}p1`, "bs=4096", "count=1", "conv=notrunc,fsync"],
    "by zeros": ["blkdiscard", "-f", "-z", "-o", "1048576", "-l", "4096", device],
    "by a discard": ["blkdiscard", "-f", "-o", "1048576", "-l", "1048576", device],
  };
  for (const [how, [program = "", ...args]] of Object.entries(write)) {
    await using disk = await openDisk(device, {}, signal);
    await disk.read(0, new Uint8Array(4 * MIB), signal);
    assert.equal(await disk.writtenSince(signal), null, how);
    run(program, ...args);
    assert.match((await disk.writtenSince(signal)) ?? "", /written to/, how);
  }
});

test("dirty pages from before the disk was opened do not count as a write after", async (t) => {
  if (skipUnlessRoot(t)) return;
  const device = attach(t, sparseFile(newFolder(t), "disk.img", 4 * MIB));
  const writer = await open(device, "r+");
  await writer.write(new Uint8Array(MIB).fill(1), 0, MIB, 0);
  await using disk = await openDisk(device, {}, signal);
  await writer.close();
  assert.equal(await disk.writtenSince(signal), null);
});

test("a device is overwritten in place and zeroed, and is claimed meanwhile", async (t) => {
  if (skipUnlessRoot(t)) return;
  const image = sparseFile(newFolder(t), "disk.img", 8 * MIB);
  writeFileSync(image, new Uint8Array(8 * MIB).fill(1));
  const device = attach(t, image);
  {
    await using target = await openExistingTarget(device, 8 * MIB, {}, signal);
    assert.equal(target.kind, "block");
    const piece = alignedBuffer(MIB).fill(2);
    await Promise.all([0, 1, 2].map(async (index) => target.write(index * MIB, piece, signal)));
    await target.zero({ offsetBytes: 4 * MIB, lengthBytes: 2 * MIB }, signal);
    await target.zero({ offsetBytes: 7 * MIB + 100, lengthBytes: 100 }, signal);
    await assert.rejects(openExistingTarget(device, 0, {}, signal), { code: "TARGET_IN_USE" });
    await assert.rejects(target.resize(MIB, signal), { code: "TARGET_TOO_SMALL" });
    await target.finish(signal);
  }
  run("blockdev", "--flushbufs", device);
  const truth = new Uint8Array(8 * MIB)
    .fill(1)
    .fill(2, 0, 3 * MIB)
    .fill(0, 4 * MIB, 6 * MIB);
  truth.fill(0, 7 * MIB + 100, 7 * MIB + 200);
  assert.deepEqual(new Uint8Array(readFileSync(image)), truth);
});

test("a device that is too small, or read-only, is refused", async (t) => {
  if (skipUnlessRoot(t)) return;
  const folder = newFolder(t);
  const small = attach(t, sparseFile(folder, "small.img", MIB));
  await assert.rejects(openExistingTarget(small, MIB + 1, {}, signal), { code: "TARGET_TOO_SMALL" });
  const readOnly = attach(t, sparseFile(folder, "read-only.img", MIB), "--read-only");
  await assert.rejects(openExistingTarget(readOnly, MIB, {}, signal), { code: "TARGET_DENIED" });
});
