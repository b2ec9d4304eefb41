import assert from "node:assert/strict";
import { test } from "node:test";

import {
  boastingStore,
  expiryByClock,
  missingForUnanswered,
  blindStore,
  sweepOfOrphans,
  through,
  withOldKeys,
} from "#testing/vaults/broken-participants.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import { verifyAftermath } from "#testing/worlds/aftermath.ts";
import {
  aBackup,
  aCheck,
  aClosingPrune,
  anotherBackup,
  aPrune,
  aRemovedWayAndRekey,
  deleteOf,
  undeleteOf,
} from "#testing/worlds/participants.ts";
import { actorOf, everyOrder, runOrder, undisturbed } from "#testing/worlds/schedules.ts";
import { SharedWorld } from "#testing/worlds/shared-world.ts";

/* Each test breaks a rule, and what is lost by that must be found. */

const plain = SharedWorld.make();
const lost = /cannot be read|holds what was written/;

test("the orders that are not run lead to no other end", async () => {
  const pair = { world: await plain, first: aBackup, second: deleteOf("newest") };
  const some = new Set<string>();
  const { calls, others, orders, runs } = await everyOrder(pair, some);
  assert.ok(runs < orders / 2);
  const all = new Set<string>();
  for (let stop = 0; stop <= calls; stop++) {
    for (let other = 0; other <= others; other++)
      await runOrder(pair, { calls: stop, others: other }, undisturbed, all);
  }
  assert.deepEqual([...some].sort(), [...all].sort());
});

test("a point that expires by the clock alone, and is undeleted", async () => {
  await assert.rejects(everyOrder({ world: await plain, first: expiryByClock, second: undeleteOf("gone") }), lost);
});

test("a sweep that takes sessions which it does not know, or which are open, for dead", async () => {
  await assert.rejects(everyOrder({ world: await plain, first: aBackup, second: sweepOfOrphans }), lost);
  await assert.rejects(everyOrder({ world: await plain, first: aPrune, second: sweepOfOrphans }), lost);
});

test("a prune that sees only what it made itself", async () => {
  const copy = await (await plain).copy();
  const known = new Set(await keysOf(copy.store));
  const blind = through(aClosingPrune, (store) => blindStore(store, known), "blind prune");
  await assert.rejects(verifyAftermath(copy, [], blind), /objects after a prune/);
});

test("an entry that is taken for logged because something is in its place", async () => {
  const boasting = through(anotherBackup, boastingStore, "boasting backup");
  await assert.rejects(everyOrder({ world: await plain, first: boasting, second: aBackup }), /: points\n/);
});

test("a read that got no answer and is taken for damage", async () => {
  const world = await plain;
  let found = 0;
  for (let index = 10; index < 50; index++) {
    const copy = await world.copy();
    const check = through(aCheck, missingForUnanswered(index), "careless check");
    const outcome = await (await actorOf(copy, check, "first")).finish();
    try {
      await verifyAftermath(copy, [{ who: check, outcome }]);
    } catch (error) {
      assert.match(String(error), /calls sound blocks damaged/);
      found++;
    }
  }
  assert.ok(found > 0);
});

test("keys that do not follow the keyring: a backup takes what it cannot open for damage, and drops it", async () => {
  const world = await SharedWorld.make({ keyring: true, damaged: true });
  await assert.rejects(
    everyOrder({ world, first: withOldKeys(aBackup), second: aRemovedWayAndRekey }),
    /cannot be read/,
  );
});
