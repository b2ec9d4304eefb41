import assert from "node:assert/strict";
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { assertWhole, WholeVault } from "#testing/vaults/whole-vault.ts";
import { mount, newFolder, run, skipUnlessRoot, sparseFile } from "../disk/rig.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const KIB = 1024;

function mountTmpfs(t: TestContext): string {
  const mountPoint = newFolder(t);
  mount(t, "tmpfs", mountPoint, "-t", "tmpfs", "-o", `size=${16 * MIB}`);
  return mountPoint;
}

function mountExt4(t: TestContext): string {
  const folder = newFolder(t);
  const image = sparseFile(folder, "ext4.img", 32 * MIB);
  run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image);
  const mountPoint = join(folder, "mount");
  mkdirSync(mountPoint);
  mount(t, image, mountPoint);
  return mountPoint;
}

/** Leaves so much room on a file system, until the result is called. */
function leave(mountPoint: string, bytes: number): () => void {
  const path = join(mountPoint, "filler");
  const filler = openSync(path, "w");
  const chunk = new Uint8Array(4 * KIB).fill(1);
  let sizeBytes = 0;
  try {
    for (;;) sizeBytes += writeSync(filler, chunk);
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  }
  ftruncateSync(filler, Math.max(0, sizeBytes - bytes));
  fsyncSync(filler);
  closeSync(filler);
  return () => rmSync(path);
}

for (const [type, make] of [
  ["tmpfs", mountTmpfs],
  ["ext4", mountExt4],
] as const) {
  test(`however much room is left on ${type}, a backup or prune that does not fit says STORE_FULL and hurts nothing`, async (t) => {
    if (skipUnlessRoot(t, "mkfs.ext4")) return;
    const mountPoint = make(t);
    const root = join(mountPoint, "vault");
    await createDirectoryRoot(root, {}, signal);
    await using store = await openDirectoryStore(root, {}, signal);
    const whole = await WholeVault.make(`full ${type}`, 60, { store });
    await whole.backUp(await whole.open());
    let full = 0;
    for (let room = 0; room <= 480 * KIB; room += 20 * KIB) {
      whole.change(0, 60);
      const free = leave(mountPoint, room);
      let unanswered: { unanswered?: Uint8Array } = { unanswered: whole.content };
      for (const work of ["backup", "prune"] as const) {
        try {
          const client = await whole.open();
          if (work === "prune") await whole.prune(client);
          else {
            await whole.backUp(client);
            unanswered = {};
          }
        } catch (error) {
          assert.ok(
            error instanceof LockstepError && error.code === "STORE_FULL",
            `${room} bytes free: ${String(error)}`,
          );
          full++;
        }
      }
      free();
      await assertWhole(whole, unanswered, `${room} bytes were free`);
      for (const point of (await whole.open()).log.fold.points.keys()) {
        if (!whole.expected.has(point)) whole.expected.set(point, whole.content);
      }
    }
    assert.ok(full > 5, `it was full ${full} times`);
    const after = await whole.backUp(await whole.open());
    assert.equal(after.point.newBytes, 0);
  });
}
