import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { backupIn, killOnce, KillRig } from "./kill-rig.ts";

const MIB = 1024 * 1024;

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-kill-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("thirty processes killed at random instants leave every point that was answered, and a vault that goes on", async (t) => {
  const rig = KillRig.make(newFolder(t), 8 * MIB);
  const usualMs = new Map<string, number>();
  let kills = 0;
  for (let round = 0; kills < 30; round++) {
    assert.ok(round < 100, "processes end before they can be killed");
    if (!(await killOnce(rig, usualMs))) continue;
    kills++;
    if (kills % 3 === 0) await rig.assertWhole(3);
  }
  await rig.assertWhole(Infinity);
  rig.mustRun("backup", "web01");
  rig.mustRun("prune");
  await rig.assertWhole(0);
});

test("a full backup that was killed at 90 % goes on from there: the next one stores the rest, and at most a checkpoint's more", async (t) => {
  const sizeBytes = 384 * MIB;
  const intervalBytes = 32 * MIB;
  for (let attempt = 0; ; attempt++) {
    assert.ok(attempt < 5, "backups end before they can be killed");
    const rig = KillRig.make(newFolder(t), sizeBytes, "[backup]\ncheckpoint-gib = 0.03125\n");
    const first = await rig.backUp(() => untilStored(rig.vaultFolder, 0.9 * sizeBytes));
    if (!first.killed) continue;
    const second = await rig.backUp(never);
    const { point, resumed } = backupIn(second.said);
    assert.equal(resumed, true);
    assert.ok(point.storedBytes <= 0.1 * sizeBytes + intervalBytes, `${point.storedBytes / MIB} MiB were stored`);
    await rig.assertWhole(1);
    return;
  }
});

function never(): Promise<void> {
  return new Promise(() => undefined);
}

/** Resolves once so many bytes of segments are in a vault. */
async function untilStored(vaultFolder: string, wantedBytes: number): Promise<void> {
  for (;;) {
    let bytes = 0;
    for (const entry of readdirSync(vaultFolder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.parentPath.endsWith("/data")) continue;
      bytes += statSync(join(entry.parentPath, entry.name)).size;
    }
    if (bytes >= wantedBytes) return;
    await setTimeout(1);
  }
}
