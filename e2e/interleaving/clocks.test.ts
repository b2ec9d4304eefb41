import assert from "node:assert/strict";
import { test } from "node:test";

import { verifyAftermath } from "#testing/aftermath.ts";
import {
  aBackup,
  aCheck,
  aNewWay,
  anotherBackup,
  aPrune,
  aRekey,
  aRemovedWay,
  deleteOf,
  undeleteOf,
} from "#testing/participants.ts";
import { describePairs } from "#testing/pairs.ts";
import { actorOf } from "#testing/schedules.ts";
import { SharedWorld } from "#testing/shared-world.ts";

const world = SharedWorld.make();
const damaged = SharedWorld.make({ damaged: true, newDataKey: true });
const unlocked = SharedWorld.make({ keyring: true });
const DAY = 24;
const YEAR = 365 * DAY;

for (const hoursAhead of [
  [DAY, -DAY],
  [-DAY, DAY],
] as const) {
  const options = { hoursAhead, step: 2, title: `, clocks ${hoursAhead.join(" and ")} hours ahead` };
  describePairs(world, [aBackup], [aPrune, anotherBackup, deleteOf("newest")], options);
  describePairs(world, [aPrune], [aBackup, aPrune, undeleteOf("gone")], options);
  const coarse = { ...options, step: 4 };
  describePairs(damaged, [aRekey, aCheck], [aBackup, aPrune], coarse);
  describePairs(damaged, [aBackup, aPrune], [aRekey, aCheck], coarse);
  describePairs(unlocked, [aNewWay, aRemovedWay], [aBackup, aPrune, aRekey], coarse);
  describePairs(unlocked, [aBackup, aPrune, aRekey], [aRemovedWay], coarse);
}
for (const hoursAhead of [
  [YEAR, 0],
  [0, YEAR],
] as const) {
  const options = { hoursAhead, step: 3, title: `, clocks ${hoursAhead.join(" and ")} hours ahead` };
  describePairs(world, [aBackup], [aPrune], options);
  describePairs(world, [aPrune], [aBackup, aPrune], options);
}

for (const hours of [YEAR, -DAY]) {
  test(`a prune whose clock is ${hours} hours ahead deletes no point by rule and purges none`, async () => {
    const copy = await (await world).copy();
    const outcome = await (await actorOf(copy, aPrune, "first", hours)).finish();
    assert.ok("result" in outcome);
    assert.deepEqual([outcome.result.pruned?.deleted, outcome.result.pruned?.purged], [[], []]);
    await verifyAftermath(copy, [{ who: aPrune, outcome }]);
  });
}

test("after a backup a year ahead, a prune with a right clock waits for a person", async () => {
  const copy = await (await world).copy();
  const backedUp = await (await actorOf(copy, aBackup, "first", YEAR)).finish();
  const outcome = await (await actorOf(copy, aPrune, "second")).finish();
  assert.ok("result" in outcome);
  const { deleted, purged, warnings } = outcome.result.pruned ?? {};
  assert.deepEqual([deleted, purged], [[], []]);
  assert.match(warnings?.join() ?? "", /CLOCK_DOUBTFUL/);
  await verifyAftermath(copy, [
    { who: aBackup, outcome: backedUp },
    { who: aPrune, outcome },
  ]);
});
