import assert from "node:assert/strict";
import { test } from "node:test";

import { verifyAftermath } from "#testing/worlds/aftermath.ts";
import { aBackup, aPrune } from "#testing/worlds/participants.ts";
import { actorOf } from "#testing/worlds/schedules.ts";
import { SharedWorld } from "#testing/worlds/shared-world.ts";

const world = SharedWorld.make();
const DAY = 24;
const YEAR = 365 * DAY;

for (const hoursAhead of [YEAR, -DAY]) {
  test(`a prune whose clock is ${hoursAhead} hours ahead deletes no point by rule and purges none`, async () => {
    const copy = await (await world).copy();
    const outcome = await (await actorOf(copy, aPrune, "first", { hoursAhead })).finish();
    assert.ok("result" in outcome);
    assert.deepEqual([outcome.result.pruned?.deleted, outcome.result.pruned?.purged], [[], []]);
    await verifyAftermath(copy, [{ who: aPrune, outcome }]);
  });
}

test("after a backup a year ahead, a prune with a right clock waits for a person", async () => {
  const copy = await (await world).copy();
  const backedUp = await (await actorOf(copy, aBackup, "first", { hoursAhead: YEAR })).finish();
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
