import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import type { RestoreDeps } from "#ops/restore/fill-target.ts";
import { restoreInPlace } from "#ops/restore/restore-in-place.ts";
import { restoreNewFile } from "#ops/restore/restore-new-file.ts";
import { memoryStore } from "#store/memory.ts";
import { failingStore } from "#testing/stores/failing-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { WholeVault } from "#testing/vaults/whole-vault.ts";
import type { Client } from "#testing/vaults/whole-vault.ts";

const { signal } = new AbortController();

/** A vault with a point of a disk that changed in many places, so that a restore makes many calls. */
async function agedVault(): Promise<WholeVault> {
  const whole = await WholeVault.make("restores", 60, { store: memoryStore({ singleDisk: true }) });
  const client = await whole.open();
  for (let step = 2; step < 6; step++) {
    await whole.backUp(client);
    whole.change(step, 9, step);
  }
  await whole.backUp(client);
  return whole;
}

function depsOf({ vault, log }: Client, unfinished: (path: string) => void): RestoreDeps {
  const point = [...log.fold.points.values()].at(-1);
  assert.ok(point !== undefined);
  const lanes = { lanes: 1, threads: false };
  return { vault, log, point, name: "web01@test", lanes, progress: () => undefined, unfinished };
}

type Restore = (deps: RestoreDeps, path: string) => Promise<unknown>;

/** Restores from a store that is gone from call number `at` on. @returns why it failed; null when it did not */
async function restoreCutAt(
  whole: WholeVault,
  at: number,
  path: string,
  restore: Restore,
): Promise<LockstepError | null> {
  const failing = failingStore(whole.store, { fault: "before", lasts: "for ever" });
  const client = await whole.open(failing.store);
  failing.arm(at);
  const left: string[] = [];
  try {
    await restore(
      depsOf(client, (what) => left.push(what)),
      path,
    );
    return null;
  } catch (error) {
    assert.ok(error instanceof LockstepError, String(error));
    assert.ok(left.length <= 1);
    return error;
  }
}

async function callsOf(whole: WholeVault, path: string, restore: Restore): Promise<number> {
  const { store, calls } = recordingStore(whole.store);
  const client = await whole.open(store);
  const opening = calls.length;
  await restore(
    depsOf(client, () => undefined),
    path,
  );
  return calls.length - opening;
}

test("a restore to a new file that is cut at any store call leaves nothing under the name, and the next one goes on", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-restores-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const whole = await agedVault();
  const restore: Restore = (deps, path) => {
    const [disk] = deps.point.disks;
    assert.ok(disk !== undefined);
    return restoreNewFile(deps, disk, path, signal);
  };
  const calls = await callsOf(whole, join(folder, "whole.raw"), restore);
  assert.ok(calls > 10);
  for (let at = 0; at < calls; at++) {
    const path = join(folder, `${at}.raw`);
    assert.equal((await restoreCutAt(whole, at, path, restore))?.code, "STORE_UNAVAILABLE");
    assert.ok(!existsSync(path));
    assert.equal(await restoreCutAt(whole, Infinity, path, restore), null);
    assert.deepEqual(readFileSync(path), Buffer.from(whole.content));
  }
});

test("a restore in place that is cut at any store call says so on the disk once it wrote, and the next one goes on", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-restores-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const whole = await agedVault();
  const restore: Restore = (deps, path) => {
    const [disk] = deps.point.disks;
    assert.ok(disk !== undefined);
    return restoreInPlace(deps, disk, path, signal);
  };
  const before = new Uint8Array(whole.content.length).fill(7);
  const path = join(folder, "disk.raw");
  writeFileSync(path, before);
  const calls = await callsOf(whole, path, restore);
  for (let at = 0; at < calls; at++) {
    writeFileSync(path, before);
    assert.equal((await restoreCutAt(whole, at, path, restore))?.code, "STORE_UNAVAILABLE");
    const found = readFileSync(path);
    assert.ok(found.equals(before) || found.toString("latin1").startsWith("LOCKSTEP RESTORE NOT FINISHED"));
    assert.equal(await restoreCutAt(whole, Infinity, path, restore), null);
    assert.deepEqual(readFileSync(path), Buffer.from(whole.content));
  }
});
