import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { attach, newFolder, skipUnlessRoot, sparseFile } from "../disk/rig.ts";
import { allocated, ended, head, soon, startLockstep, trialWithPoint, writeImage } from "./rig.ts";

const MIB = 1024 * 1024;
const MARK = "LOCKSTEP RESTORE NOT FINISHED";

test("a restore to a new file, killed again and again, has no name until it is whole, and goes on", async (t) => {
  const trial = trialWithPoint(t, 200, 40);
  const out = trial.path("out.raw");
  let kills = 0;
  for (const untilBytes of [1, 40 * MIB, 90 * MIB, 150 * MIB]) {
    const child = startLockstep(trial, "restore", "web01", "--to", "out.raw");
    if (await soon(child, () => allocated(`${out}.lockstep-partial`) >= untilBytes)) {
      child.kill("SIGKILL");
      if ((await ended(child)) === "SIGKILL") kills++;
    }
    assert.equal(existsSync(out), false, `after the kill at ${untilBytes} bytes`);
  }
  assert.ok(kills > 0, "no restore was killed while it wrote");
  const { disks } = trial.json("lockstep restore web01 --to out.raw");
  trial.prepare("cmp out.raw image.raw", "! test -e out.raw.lockstep-partial");
  assert.partialDeepStrictEqual(disks, [{ resumed: true }]);
  assert.ok(allocated(out) < 210 * MIB, "the hole is one again");
});

test("a partial file that somebody wrote to is put right", (t) => {
  const trial = trialWithPoint(t, 20, 4);
  trial.prepare(
    "cp image.raw out.raw.lockstep-partial",
    "dd if=/dev/urandom of=out.raw.lockstep-partial bs=1M seek=9 count=5 conv=notrunc status=none",
    "lockstep restore web01 --to out.raw",
    "cmp out.raw image.raw",
  );
});

test("a restore in place, killed at any time, leaves a disk that says so, and goes on to the exact bytes", async (t) => {
  const trial = trialWithPoint(t, 200, 40);
  const old = trial.path("old.raw");
  writeImage(old, 240, 0);
  let marked = 0;
  for (const afterMs of [0, 30, 80]) {
    const child = startLockstep(trial, "restore", "web01", "--to", "old.raw", "--in-place");
    if (await soon(child, () => head(old, MARK.length) === MARK)) {
      const begin = performance.now();
      await soon(child, () => performance.now() - begin >= afterMs);
      child.kill("SIGKILL");
      if ((await ended(child)) === "SIGKILL") {
        marked++;
        assert.equal(head(old, MARK.length), MARK, `killed ${afterMs} ms after the mark was there`);
        assert.match(head(old, 600), /lockstep restore [0-9a-f]{32} --disk root --to \S+old\.raw --in-place\n/);
      }
    }
  }
  assert.ok(marked > 0, "no restore was killed while it wrote");
  trial.prepare("lockstep restore web01 --to old.raw --in-place", "cmp old.raw image.raw");
  assert.partialDeepStrictEqual(trial.json("lockstep restore web01 --to old.raw --in-place")["disks"], [
    { writtenBytes: 0 },
  ]);
});

test("a block device, too, says that a restore to it was killed, and gets the exact bytes then", async (t) => {
  if (skipUnlessRoot(t, "losetup")) return;
  const trial = trialWithPoint(t, 120, 20);
  const device = attach(t, sparseFile(newFolder(t), "device.img", 141 * MIB));
  const restore = ["restore", "web01", "--to", device, "--in-place"] as const;
  const child = startLockstep(trial, ...restore);
  assert.ok(await soon(child, () => head(device, MARK.length) === MARK), "the restore was over too soon");
  child.kill("SIGKILL");
  assert.equal(await ended(child), "SIGKILL");
  assert.equal(head(device, MARK.length), MARK);
  trial.prepare(`lockstep ${restore.join(" ")}`, `cmp -n ${140 * MIB + 512} ${device} image.raw`);
});

test("a restore of a whole machine that was killed goes on in the same folder", async (t) => {
  const trial = trialWithPoint(t, 60, 10);
  writeImage(trial.path("data.raw"), 120, 10);
  trial.prepare("lockstep machine set web01 --add-disk data=data.raw", "lockstep backup web01");
  const child = startLockstep(trial, "restore", "web01", "--to-dir", "out");
  const isAt = (): boolean => allocated(trial.path("out/data.raw.lockstep-partial")) > MIB;
  assert.ok(await soon(child, isAt), "the restore was over too soon");
  child.kill("SIGKILL");
  await ended(child);
  assert.equal(existsSync(trial.path("out/point.json")), false);
  trial.prepare(
    "lockstep restore web01 --to-dir out",
    "cmp out/root.raw image.raw",
    "cmp out/data.raw data.raw",
    "test -s out/point.json",
  );
  assert.equal(trial.prepare("ls out").trim(), "data.raw\npoint.json\nroot.raw");
});
