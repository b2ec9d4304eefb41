import assert from "node:assert/strict";
import { test } from "node:test";

import { aBackup, aPrune, aRemovedWayAndRekey, undeleteOf } from "#testing/participants.ts";
import { interleave } from "#testing/schedules.ts";
import { SharedWorld } from "#testing/shared-world.ts";

/* A small sample. All orders of all pairs are in e2e/interleaving. */

test("a prune at some moments of a backup: nothing is lost, and nothing dead stays", async () => {
  const { ends } = await interleave(await SharedWorld.make(), aBackup, aPrune, { step: 9 });
  assert.ok(ends > 1);
});

test("a point is undeleted at some moments of a prune: it is whole, or said to be gone", async () => {
  await interleave(await SharedWorld.make(), aPrune, undeleteOf("gone"), { step: 7 });
});

test("a segment gets another generation while a backup heals it: the new point is whole all the same", async () => {
  await interleave(await SharedWorld.make({ damaged: true }), aBackup, aPrune, { step: 13 });
});

test("a backup that began before the data key was changed does not take newer objects for damage", async () => {
  const world = await SharedWorld.make({ keyring: true, damaged: true });
  await interleave(world, aBackup, aRemovedWayAndRekey, { step: 45 });
});
