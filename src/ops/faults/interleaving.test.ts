import assert from "node:assert/strict";
import { test } from "node:test";

import { aBackup, aPrune, aRemovedWayAndRekey, undeleteOf } from "#testing/worlds/participants.ts";
import type { Participant } from "#testing/worlds/participants.ts";
import { everyOrder } from "#testing/worlds/schedules.ts";
import { SharedWorld } from "#testing/worlds/shared-world.ts";
import type { WorldTraits } from "#testing/worlds/shared-world.ts";

/* A small sample: the first one is stopped at each call, the second one at none. All of it is in e2e/interleaving. */

async function explore(traits: WorldTraits, first: Participant, second: Participant): Promise<void> {
  const ends = new Set<string>();
  await everyOrder({ world: await SharedWorld.make(traits), first, second }, ends, () => false);
  assert.ok(ends.size > 1);
}

test("a prune at each moment of a backup: nothing is lost, and nothing dead stays", async () => {
  await explore({}, aBackup, aPrune);
});

test("a point is undeleted at each moment of a prune: it is whole, or said to be gone", async () => {
  await explore({}, aPrune, undeleteOf("gone"));
});

test("a segment gets another generation while a backup heals it: the new point is whole all the same", async () => {
  await explore({ damaged: true }, aBackup, aPrune);
});

test("a backup that began before the data key was changed does not take newer objects for damage", async () => {
  await explore({ keyring: true, damaged: true }, aBackup, aRemovedWayAndRekey);
});
