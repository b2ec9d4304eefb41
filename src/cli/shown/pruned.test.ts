import assert from "node:assert/strict";
import { test } from "node:test";

import { pruneLines } from "#cli/shown/pruned.ts";
import { namesOfPoints } from "#ops/points/find-point.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";

test("a prune says which points it let go, for how long they can be had back, and how", async () => {
  const bench = await MaintenanceBench.make("let go", 10, { keep: "last=1" });
  const { point } = await bench.backUp();
  bench.bench.clock.now = bench.bench.clock.now.add({ hours: 24 });
  await bench.backUp();
  const names = namesOfPoints(bench.log);
  const lines = (pruned: Parameters<typeof pruneLines>[1], dryRun: boolean): string =>
    pruneLines("web01", pruned, names, [], dryRun).join("\n");
  const planned = lines(await bench.prune({ dryRun: true }), true);
  assert.match(planned, /would be deleted: web01@2026-11-23T14:05, .*\n {2}each can be undeleted for 14 days then$/);
  const done = lines(await bench.prune(), false);
  const back = `for 14 days this takes it back: lockstep point undelete ${point.point.slice(0, 12)} \\(`;
  assert.match(done, new RegExp(`deleted: web01@2026-11-23T14:05, .*\n {2}${back}`));
});

test("where nothing is dead a prune says so, and counts nothing", async () => {
  const bench = await MaintenanceBench.make("idle", 10);
  await bench.backUp();
  assert.deepEqual(pruneLines("web01", await bench.prune(), namesOfPoints(bench.log), [], false), [
    "web01: nothing to free",
  ]);
});
