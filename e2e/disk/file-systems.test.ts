import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";

import { alignedBuffer } from "#bytes/arrays.ts";
import { createFileTarget } from "#disk/new-target.ts";
import { openDisk } from "#disk/open.ts";
import { freezeByReflink } from "#disk/reflink.ts";

import { Trial } from "../cli/trial.ts";
import { later, mount, mounted, newFolder, run, skipUnlessRoot } from "./rig.ts";

const signal = new AbortController().signal;
const MIB = 1024 * 1024;

for (const type of ["xfs", "btrfs"] as const) {
  test(`a file on ${type} is frozen at one instant, and nothing is left behind`, async (t) => {
    if (skipUnlessRoot(t, `mkfs.${type}`)) return;
    const { mountPoint } = mounted(t, type, 320 * MIB);
    const path = join(mountPoint, "web01.raw");
    const before = randomBytes(3 * MIB + 5);
    writeFileSync(path, before);
    const used = statfsSync(mountPoint).bavail;
    {
      await using frozen = await freezeByReflink(path, signal);
      assert.deepEqual(readdirSync(mountPoint), ["web01.raw"]);
      writeFileSync(path, "changed");
      await using disk = await openDisk(frozen.path, { shownAs: path }, signal);
      assert.equal(disk.path, path);
      const into = new Uint8Array(before.length);
      await disk.read(0, into, signal);
      assert.deepEqual(into, new Uint8Array(before));
      assert.equal(await disk.writtenSince(signal), null);
    }
    assert.deepEqual(readdirSync(mountPoint), ["web01.raw"]);
    assert.ok(statfsSync(mountPoint).bavail >= used - 256, "the copy's room is given back");
  });
}

test("a file on Btrfs without copy-on-write can be frozen too", async (t) => {
  if (skipUnlessRoot(t, "mkfs.btrfs", "chattr")) return;
  const { mountPoint } = mounted(t, "btrfs", 320 * MIB);
  const path = join(mountPoint, "nocow.raw");
  writeFileSync(path, "");
  run("chattr", "+C", path);
  writeFileSync(path, "contents");
  await using frozen = await freezeByReflink(path, signal);
  assert.equal(readFileSync(frozen.path, "utf8"), "contents");
});

test("where the file system has no reflinks, its name is said", async (t) => {
  if (skipUnlessRoot(t, "mkfs.ext4")) return;
  const { mountPoint } = mounted(t, "ext4", 16 * MIB);
  const path = join(mountPoint, "web01.raw");
  writeFileSync(path, "disk");
  await assert.rejects(freezeByReflink(path, signal), { code: "SNAPSHOT_UNSUPPORTED", message: /no reflinks on ext4/ });
  const shared = join("/dev/shm", `lockstep-${process.pid}.raw`);
  later(t, () => rmSync(shared, { force: true }));
  writeFileSync(shared, "disk");
  await assert.rejects(freezeByReflink(shared, signal), {
    code: "SNAPSHOT_UNSUPPORTED",
    message: /no reflinks on tmpfs/,
  });
  await assert.rejects(freezeByReflink(mountPoint, signal), { code: "SNAPSHOT_UNSUPPORTED" });
  await assert.rejects(freezeByReflink(join(mountPoint, "none"), signal), { code: "DISK_MISSING" });
});

for (const type of ["ext4", "xfs", "btrfs"] as const) {
  test(`on ${type}, data that is still in memory only is no hole, and holes are`, async (t) => {
    if (skipUnlessRoot(t, `mkfs.${type}`)) return;
    const { mountPoint } = mounted(t, type, 320 * MIB);
    const path = join(mountPoint, "web01.raw");
    writeFileSync(path, "");
    truncateSync(path, 256 * MIB);
    const file = await open(path, "r+");
    const places = [3 * MIB, 100 * MIB, 256 * MIB - 1];
    for (const at of places) await file.write(Uint8Array.of(1), 0, 1, at);
    await using disk = await openDisk(path, {}, signal);
    const ranges = await Array.fromAsync(disk.dataRanges(signal));
    for (const at of places) {
      assert.ok(ranges.some((range) => range.offsetBytes <= at && at < range.offsetBytes + range.lengthBytes));
    }
    const dataBytes = ranges.reduce((sum, range) => sum + range.lengthBytes, 0);
    assert.ok(dataBytes < 8 * MIB, `${dataBytes} bytes of data`);
    await file.close();
  });
}

/** A file on Btrfs, one block of which the medium has damaged: reading that fails. */
function damagedFile(t: TestContext): { path: string; bytes: Uint8Array; at: number } {
  const folder = newFolder(t);
  const { mountPoint, image } = mounted(t, "btrfs", 320 * MIB);
  const path = join(mountPoint, "web01.raw");
  const bytes = randomBytes(4 * MIB);
  writeFileSync(path, bytes);
  run("umount", mountPoint);

  const at = 2 * MIB + 8192;
  const place = readFileSync(image).indexOf(bytes.subarray(at, at + 4096));
  assert.ok(place > 0, "the block lies in the image as it is");
  writeFileSync(join(folder, "damage"), new Uint8Array(16).fill(0xee));
  run("dd", `if=${join(folder, "damage")}`, `of=${image}`, "bs=1", `seek=${place + 100}`, "conv=notrunc");
  mount(t, image, mountPoint);

  return { path, bytes, at };
}

test("one damaged block in the middle of a file is named, where the file system keeps checksums", async (t) => {
  if (skipUnlessRoot(t, "mkfs.btrfs")) return;
  const { path, bytes, at } = damagedFile(t);
  await using disk = await openDisk(path, {}, signal);
  const into = new Uint8Array(4 * MIB);
  assert.deepEqual(await disk.readAround(0, into, signal), [{ offsetBytes: at, lengthBytes: 4096 }]);
  const truth = new Uint8Array(bytes).fill(0, at, at + 4096);
  assert.deepEqual(into, truth);
  await assert.rejects(disk.read(0, into, signal), { code: "DISK_UNREADABLE", message: /bytes 2105344-2109439 / });
});

test("what the medium refuses fails a backup, or is left out when asked for, and is never called zeros", (t) => {
  if (skipUnlessRoot(t, "mkfs.btrfs")) return;
  const { path, bytes, at } = damagedFile(t);
  const trial = new Trial(t);
  trial.prepare("lockstep init vault --key-file key --no-key-store", `lockstep protect web01 --disk ${path}`);
  const failed = trial.run("lockstep backup web01");
  assert.equal(failed.status, 75);
  assert.match(failed.stderr, /bytes 2105344-2109439 .*\[DISK_UNREADABLE\]\n.*hint: .*--skip-unreadable/s);
  assert.deepEqual(trial.json("lockstep point list")["points"], []);

  const taken = trial.run("lockstep backup web01 --skip-unreadable");
  assert.equal(taken.status, 3);
  assert.match(taken.stderr, /4\.0 KiB .*not be read/);
  assert.match(JSON.stringify(trial.json("lockstep point show web01")), /"unreadable":\[\[2105344,4096\]\]/);
  const restored = trial.run("lockstep restore web01 --to-dir out");
  assert.equal(restored.status, 3);
  assert.match(restored.stderr, /4096 bytes could not be read .*bytes 2105344-2109439 \[POINT_INCOMPLETE\]/);
  const record = JSON.parse(readFileSync(trial.path("out/point.json"), "utf8")) as {
    disks: readonly { name: string; unreadable: unknown }[];
  };
  assert.deepEqual(record.disks[0]?.unreadable, [[at, 4096]]);
  const truth = new Uint8Array(bytes).fill(0, at, at + 4096);
  assert.ok(readFileSync(trial.path(`out/${record.disks[0]?.name}.raw`)).equals(truth));
});

for (const type of ["ext4", "xfs", "btrfs"] as const) {
  test(`a full ${type} is a clear error, and the restore goes on once there is room`, async (t) => {
    if (skipUnlessRoot(t, `mkfs.${type}`)) return;
    const { mountPoint } = mounted(t, type, 320 * MIB);
    const filler = join(mountPoint, "filler");
    spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1M"]);
    run("sync", "-f", mountPoint);
    const path = join(mountPoint, "web01.raw");
    const piece = alignedBuffer(8 * MIB);
    piece.set(randomBytes(8 * MIB));
    {
      await using target = await createFileTarget(path, 64 * MIB, {}, signal);
      await assert.rejects(
        async () => {
          for (let at = 0; at < 64 * MIB; at += piece.length) await target.write(at, piece, signal);
          await target.flush(signal);
        },
        { code: "TARGET_FULL" },
      );
    }
    truncateSync(filler, 0);
    await using target = await createFileTarget(path, 64 * MIB, { resume: true }, signal);
    assert.equal(target.resumed, true);
    for (let at = 0; at < 64 * MIB; at += piece.length) await target.write(at, piece, signal);
    await target.finish(signal);
    assert.ok(readFileSync(path).subarray(-piece.length).equals(piece));
  });
}
