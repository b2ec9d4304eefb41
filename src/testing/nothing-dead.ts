import assert from "node:assert/strict";

import { keysOf } from "#testing/damage.ts";
import { recordingStore } from "#testing/recording-store.ts";
import type { WholeVault } from "#testing/whole-vault.ts";
import { readBody } from "#vault/point-body.ts";

const { signal } = new AbortController();
const isOfData = (key: string): boolean => key.includes("/disks/") || key.includes("/points/");

/**
 * Prunes, then asserts that every object of disks and points is one that reading all points back asks for, or the second
 * copy of such a one. This knows nothing of how the prune decides.
 */
export async function assertNothingDead(whole: WholeVault, way: string): Promise<void> {
  await whole.prune(await whole.open(), { closeStalled: true });
  const { store, calls } = recordingStore(whole.store);
  const client = await whole.open(store);
  for (const point of client.log.fold.points.values()) {
    await whole.read(client, point);
    await readBody(client.vault, client.log.machine, point, signal);
  }
  const wanted = new Set(calls.map(({ key }) => key));
  const dead = await keysOf(whole.store, (key) => isOfData(key) && !wanted.has(key.replace(/^copies\//, "")));
  assert.deepEqual(dead, [], `${way}: dead objects are left`);
}
