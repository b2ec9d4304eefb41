import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { deletePoint } from "#ops/delete-points.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import type { Files } from "#store/files.ts";
import { powerCutDisk } from "#testing/power-cut.ts";
import type { PowerCutDisk } from "#testing/power-cut.ts";
import { seededRandom } from "#testing/random.ts";
import { assertWhole, WholeVault } from "#testing/whole-vault.ts";
import type { Allowance } from "#testing/whole-vault.ts";

const { signal } = new AbortController();
const root = "/backup/vault";
const BLOCKS = 20;

const openStore = (files: Files) => openDirectoryStore(root, { files }, signal);

/** A vault on a disk: two points, one of them due to be purged, and content that changed since. */
async function prepare(): Promise<{ readonly disk: PowerCutDisk; readonly whole: WholeVault }> {
  const disk = powerCutDisk();
  const files = disk.process();
  await createDirectoryRoot(root, { files }, signal);
  const whole = await WholeVault.make("power", BLOCKS, { store: await openStore(files) });
  const client = await whole.open();
  const { point } = await whole.backUp(client);
  for (const first of [0, 1, 2]) whole.change(first, 5, 4);
  await whole.backUp(client);
  await deletePoint(client.log, point.point, "test", signal);
  await whole.pass(client, 15);
  whole.change(7, 3, 2);
  return { disk, whole };
}

/**
 * Backs up and prunes, until the process dies.
 *
 * @returns  the vault as it is known to be then, and what may be so besides
 */
async function workUntilDeath(before: WholeVault, files: Files): Promise<{ whole: WholeVault; allowed: Allowance }> {
  let whole = before;
  const [oldest] = before.expected.keys();
  const mayGo = new Set(oldest === undefined ? [] : [oldest]);
  let allowed: Allowance = { unanswered: before.content, mayGo };
  try {
    whole = await before.copy(await openStore(files));
    const client = await whole.open();
    await whole.backUp(client, { checkpointEvery: { minutes: 60, bytes: 16 * 1024 } });
    allowed = { mayGo };
    await whole.prune(client);
    allowed = { mayGo };
  } catch (error) {
    assert.ok(error instanceof LockstepError, String(error));
  }
  return { whole, allowed };
}

/** Ways in which a cut may end: everything unsynced is lost, or by chance some of it. */
function outcomes(seed: number): readonly (() => boolean)[] {
  const byChance = [0.2, 0.5, 0.8].map((chance) => {
    const random = seededRandom(`outcome ${seed} ${chance}`);
    return () => (random(1)[0] ?? 0) / 256 < chance;
  });
  return [() => false, ...byChance];
}

async function operations(): Promise<number> {
  const { disk, whole } = await prepare();
  const files = disk.process();
  await workUntilDeath(whole, files);
  return files.operations;
}

/** Cuts the power at file operations `first`, `first + step`, …, and looks at what is there afterwards. */
async function cutAt(first: number, step: number, ways: readonly number[]): Promise<void> {
  const { disk, whole: before } = await prepare();
  const count = await operations();
  for (let dieAt = first; dieAt <= count; dieAt += step) {
    const running = disk.cut(() => true);
    const { whole, allowed } = await workUntilDeath(before, running.process(dieAt));
    for (const [index, keep] of outcomes(dieAt).entries()) {
      if (!ways.includes(index)) continue;
      const way = `cut at operation ${dieAt} of ${count}, outcome ${index}`;
      const after = await whole.copy(await openStore(running.cut(keep).process()));
      await assertWhole(after, allowed, way);
      if (dieAt % 5 > 0) continue;
      await after.backUp(await after.open());
      for (const point of (await after.open()).log.fold.points.keys()) {
        if (!after.expected.has(point)) after.expected.set(point, before.content);
      }
      await assertWhole(after, allowed, `${way}, one backup later`);
    }
  }
}

test("a power cut at any file operation of a backup and a prune: what was answered is there, and the vault goes on", async () => {
  const t0 = performance.now();
  console.log(await operations());
  await cutAt(0, 1, [0, 2]);
  console.log(performance.now() - t0);
});
