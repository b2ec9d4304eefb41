import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { attach, later, mount, newFolder, run, skipUnlessRoot, sparseFile } from "../disk/rig.ts";
import { allocated, ended, soon, startLockstep, trialWithPoint } from "./rig.ts";

const MIB = 1024 * 1024;

test("nothing that exists is overwritten without being told to", (t) => {
  const trial = trialWithPoint(t, 8, 2);
  trial.prepare("echo mine > out.raw");
  const { status, stderr } = trial.run("lockstep restore web01 --to out.raw");
  assert.equal(status, 75);
  assert.match(stderr, /TARGET_EXISTS[^]*--in-place/);
  assert.equal(trial.prepare("cat out.raw"), "mine\n");
});

test("a file in place: too short is refused, longer is cut, and only what differs is written", (t) => {
  const trial = trialWithPoint(t, 8, 2);
  trial.prepare("truncate -s 1M out.raw");
  assert.partialDeepStrictEqual(trial.json("lockstep restore web01 --to out.raw --in-place"), {
    error: { code: "TARGET_TOO_SMALL" },
  });
  trial.prepare("cp image.raw out.raw", "printf X | dd of=out.raw bs=1 seek=5000000 conv=notrunc status=none");
  trial.prepare("echo longer >> out.raw", "cp out.raw before.raw");
  const dry = trial.json("lockstep restore web01 --to out.raw --in-place --dry-run");
  assert.partialDeepStrictEqual(dry["disks"], [{ way: "in place", differentBytes: 65_536, cutBytes: 7 }]);
  trial.prepare("cmp out.raw before.raw");
  const done = trial.json("lockstep restore web01 --to out.raw --in-place");
  assert.partialDeepStrictEqual(done["disks"], [{ writtenBytes: 65_536, cutBytes: 7 }]);
  trial.prepare("cmp out.raw image.raw");
});

test("nothing is written into a vault, whichever it is and whatever way leads there", (t) => {
  const trial = trialWithPoint(t, 1, 0);
  trial.prepare("cp -r vault mirror", "ln -s mirror/vault.json link", "truncate -s 2M mirror/vault.json");
  const before = trial.prepare("find vault mirror -type f | sort | xargs sha256sum");
  for (const where of [
    "--to link --in-place",
    "--to link --in-place --dry-run",
    "--to vault/machines/out.raw",
    "--to-dir vault",
    "--to-dir mirror/keyring",
    "--to-dir mirror/new",
  ]) {
    const { status, stderr } = trial.run(`lockstep restore web01 ${where}`);
    assert.equal(status, 69, where);
    assert.match(stderr, /it lies in the vault .*\/(vault|mirror) \[TARGET_UNSUPPORTED\]/, where);
  }
  assert.equal(trial.prepare("find vault mirror -type f | sort | xargs sha256sum"), before);
});

test("a block device gets the disk; what lies behind stays, with a warning", (t) => {
  if (skipUnlessRoot(t, "losetup")) return;
  const trial = trialWithPoint(t, 8, 2);
  const device = attach(t, sparseFile(trial.folder, "device.img", 12 * MIB));
  trial.prepare(`printf behind | dd of=${device} bs=1 seek=${11 * MIB} conv=notrunc,fsync status=none`);
  const done = trial.json(`lockstep restore web01 --disk root --to ${device} --in-place`);
  assert.partialDeepStrictEqual(done["warnings"], [{ code: "TARGET_LARGER" }]);
  trial.prepare(`cmp -n ${10 * MIB + 512} ${device} image.raw`);
  assert.equal(trial.prepare(`dd if=${device} bs=1 skip=${11 * MIB} count=6 status=none`), "behind");
  const again = trial.json(`lockstep restore web01 --disk root --to ${device} --in-place`);
  assert.partialDeepStrictEqual(again["disks"], [{ writtenBytes: 0, restBytes: 2 * MIB - 512 }]);
});

test("a device that is mounted is refused, with where; and so is a file that somebody has open", (t) => {
  if (skipUnlessRoot(t, "losetup", "mkfs.ext4")) return;
  const trial = trialWithPoint(t, 8, 2);
  const device = attach(t, sparseFile(trial.folder, "device.img", 32 * MIB));
  run("mkfs.ext4", "-q", device);
  const mountPoint = newFolder(t);
  mount(t, device, mountPoint);
  const refused = trial.run(`lockstep restore web01 --to ${device} --in-place`);
  assert.equal(refused.status, 75);
  assert.match(refused.stderr, /is mounted at \S+ .*\[TARGET_IN_USE\]/);
  trial.prepare("cp image.raw held.raw");
  const held = trial.run("exec 9<>held.raw; lockstep restore web01 --to held.raw --in-place");
  assert.equal(held.status, 75);
  assert.match(held.stderr, /has it open for writing.*\[TARGET_IN_USE\]/);
});

test("too little room is said before anything is written", (t) => {
  if (skipUnlessRoot(t, "mount")) return;
  const trial = trialWithPoint(t, 40, 10);
  const small = newFolder(t);
  mount(t, "none", small, "-t", "tmpfs", "-o", "size=20M");
  for (const where of [`--to ${small}/out.raw`, `--to-dir ${small}/web01`, `--to-dir ${small}`]) {
    const refused = trial.json(`lockstep restore web01 ${where}`);
    assert.partialDeepStrictEqual(refused, { error: { code: "TARGET_FULL" } }, where);
    assert.deepEqual(readdirSync(small), [], where);
    const { status, stderr } = trial.run(`lockstep restore web01 ${where} --dry-run`);
    assert.equal(status, 75);
    assert.match(stderr, /TARGET_FULL/);
  }
});

test("a file system that fills up meanwhile stops the restore, which goes on once there is room", async (t) => {
  if (skipUnlessRoot(t, "mount", "fallocate")) return;
  const trial = trialWithPoint(t, 200, 10);
  const tight = newFolder(t);
  mount(t, "none", tight, "-t", "tmpfs", "-o", "size=240M");
  const out = join(tight, "out.raw");
  const child = startLockstep(trial, "restore", "web01", "--to", out);
  later(t, () => void child.kill("SIGKILL"));
  assert.ok(await soon(child, () => allocated(`${out}.lockstep-partial`) > 0));
  child.kill("SIGSTOP");
  trial.prepare(`fallocate -l 60M ${tight}/other`);
  child.kill("SIGCONT");
  assert.equal(await ended(child), 75);
  assert.equal(existsSync(out), false);
  trial.prepare(`rm ${tight}/other`, `lockstep restore web01 --to ${out}`, `cmp ${out} image.raw`);
});
