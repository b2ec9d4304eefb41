import assert from "node:assert/strict";
import { test } from "node:test";

import { inTransaction } from "#keys/store/database.ts";
import { countReportDay, countRunningDay, runningDays } from "#keys/vaults/counted-days.ts";
import { NeedsWorld, idOf } from "#testing/keys/needs-world.ts";

/** Days that are counted for a machine after a report on each day that the clock leaps to. */
function daysAfter(world: NeedsWorld, leaps: readonly number[], machine = "web01"): number[] {
  return leaps.map((leap) => {
    world.leap(leap);
    world.report([], { machine });
    return Number(world.store.db.prepare("SELECT days FROM machines WHERE machine = ?").get(idOf(machine))?.["days"]);
  });
}

test("each day counts once, however many reports come", async () => {
  using world = await NeedsWorld.make();
  assert.deepEqual(daysAfter(world, [0, 0, 0.5, 0.5, 0, 1]), [1, 1, 1, 2, 2, 3]);
});

test("a clock that leaps forward or back counts as one day, and going back and forth adds none", async () => {
  using world = await NeedsWorld.make();
  assert.deepEqual(daysAfter(world, [0, 3650, -3650, 3650, -3650]), [1, 2, 2, 2, 2]);
  assert.deepEqual(daysAfter(world, [-20_000, 20_000, -20_000]), [3, 3, 3]);
});

test("days before 1970 are days", async () => {
  using world = await NeedsWorld.make();
  assert.deepEqual(daysAfter(world, [-30_000, 0.25, 1]), [1, 1, 2]);
});

test("a machine's days are those on which its own reports came", async () => {
  using world = await NeedsWorld.make();
  assert.deepEqual(daysAfter(world, [0, 1, 1, 1]), [1, 2, 3, 4]);
  assert.deepEqual(daysAfter(world, [0, 1], "db01"), [1, 2]);
  assert.deepEqual(daysAfter(world, [0, 1]), [5, 6]);
});

test("a machine counts no day that its vault had counted before a later one of its own", async () => {
  using world = await NeedsWorld.make();
  daysAfter(world, [0], "db01");
  daysAfter(world, [1]);
  assert.deepEqual(daysAfter(world, [-1]), [1]);
  world.leap(2);
  const { store } = world;
  assert.equal(countReportDay(store, idOf("vault"), idOf("web01")), 2);
});

test("the key side's own days are counted with reports, and without", async () => {
  using world = await NeedsWorld.make();
  assert.equal(runningDays(world.store), 0);
  world.report([]);
  assert.equal(runningDays(world.store), 1);
  assert.deepEqual([countRunningDay(world.store), runningDays(world.store)], [false, 1]);
  world.leap(100);
  assert.deepEqual([countRunningDay(world.store), runningDays(world.store)], [true, 2]);
});

test("a clock that is set again and again while no time passes lets one day count, of reports and of the key side", async () => {
  using world = await NeedsWorld.make();
  daysAfter(world, [0]);
  for (let day = 0; day < 100; day++) {
    world.set(day % 3 === 0 ? -500 : 400);
    assert.deepEqual(daysAfter(world, [0]), [1]);
  }
  assert.equal(runningDays(world.store), 1);
  assert.deepEqual(daysAfter(world, [0.25, 0.25]), [1, 2]); // half a day has passed
});

test("a day whose transaction was taken back counts when it comes again", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  world.report([]);
  world.leap(1);
  const failing = (): void => {
    countReportDay(store, idOf("vault"), idOf("web01"));
    throw new Error("taken back");
  };
  assert.throws(() => inTransaction(store.db, failing), /taken back/);
  assert.deepEqual(daysAfter(world, [0]), [2]);
});
