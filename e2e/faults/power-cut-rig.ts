import assert from "node:assert/strict";

import { LockstepError } from "#errors/errors.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import type { Store } from "#store/contract.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import type { Files } from "#store/files.ts";
import { seededRandom } from "#testing/random.ts";
import { powerCutDisk } from "#testing/stores/power-cut.ts";
import type { PowerCutDisk } from "#testing/stores/power-cut.ts";
import { assertWhole, WholeVault } from "#testing/vaults/whole-vault.ts";
import type { Allowance } from "#testing/vaults/whole-vault.ts";
import type { PointId } from "#vault/object/ids.ts";

const { signal } = new AbortController();
const root = "/backup/vault";
const BLOCKS = 20;

export function openStore(files: Files): Promise<Store> {
  return openDirectoryStore(root, { files }, signal);
}

/** An empty store on a disk that can lose power. */
export async function emptyDisk(): Promise<PowerCutDisk> {
  const disk = powerCutDisk();
  await createDirectoryRoot(root, { files: disk.process() }, signal);
  return disk;
}

export type Prepared = {
  readonly disk: PowerCutDisk;
  readonly whole: WholeVault;
  /** A point that was deleted so long ago that any prune may purge it. */
  readonly due: PointId;
};

/** A vault on such a disk: two points, one of them due to be purged, and content that changed since. */
export async function vaultOnDisk(): Promise<Prepared> {
  const disk = await emptyDisk();
  const whole = await WholeVault.make("power", BLOCKS, { store: await openStore(disk.process()) });
  const client = await whole.open();
  const { point } = await whole.backUp(client);
  for (const first of [0, 1, 2]) whole.change(first, 5, 4);
  await whole.backUp(client);
  await deletePoint(client.log, point.point, "test", signal);
  await whole.pass(client, 15);
  whole.change(7, 3, 2);
  return { disk, whole, due: point.point };
}

/** Works with a vault; tells `allow` what may be so without an answer, each time when that changes. */
export type Work = (whole: WholeVault, allow: (allowance: Allowance) => void) => Promise<void>;

/** Works until the process dies. @returns the vault as it is known to be then, and what may be so besides */
async function workUntilDeath(
  before: WholeVault,
  work: Work,
  files: Files,
): Promise<{ readonly whole: WholeVault; readonly allowed: Allowance }> {
  let whole = before;
  let allowed: Allowance = {};
  try {
    whole = await before.copy(await openStore(files));
    await work(whole, (allowance) => (allowed = allowance));
  } catch (error) {
    assert.ok(error instanceof LockstepError, String(error));
  }
  return { whole, allowed };
}

/** How a cut may end: everything unsynced is lost, or some of it by chance. */
export function outcome(index: number, seed: number): () => boolean {
  const chance = [0, 0.5, 0.2, 0.8][index] ?? 0.5;
  const random = seededRandom(`outcome ${seed} ${index}`);
  return () => (random(1)[0] ?? 0) / 256 < chance;
}

export type CutPlan = {
  /** The power is cut at every `step`th file operation. */
  readonly step: number;
  /** Outcomes that are looked at for each cut. */
  readonly outcomes: number;
  /** Brings a vault that was damaged beforehand in order. */
  readonly mend?: (whole: WholeVault) => Promise<void>;
};

/**
 * Cuts the power at every `step`th file operation of some work, with several outcomes each, and asserts that everything
 * that was answered is there, and that the vault goes on working.
 *
 * @param prepared  its disk is not changed
 */
export async function cutEverywhere(
  { disk, whole: before, due }: Prepared,
  work: Work,
  { step, outcomes, mend }: CutPlan,
): Promise<void> {
  const undisturbed = disk.cut(() => true).process();
  await workUntilDeath(before, work, undisturbed);
  for (let dieAt = 0; dieAt <= undisturbed.operations; dieAt += step) {
    const running = disk.cut(() => true);
    const { whole, allowed } = await workUntilDeath(before, work, running.process(dieAt));
    for (let index = 0; index < outcomes; index++) {
      const way = `cut at operation ${dieAt} of ${undisturbed.operations}, outcome ${index}`;
      const after = await whole.copy(await openStore(running.cut(outcome(index, dieAt)).process()));
      await mend?.(after);
      const mayBe = { ...allowed, mayGo: new Set([due]) };
      await assertWhole(after, mayBe, way);
      if (dieAt % 5 > 0) continue;
      await after.backUp(await after.open());
      await assertWhole(after, mayBe, `${way}, one backup later`);
    }
  }
}
