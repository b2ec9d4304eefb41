import assert from "node:assert/strict";
import { test } from "node:test";

import { deletePoint, undeletePoint } from "#ops/points/delete-points.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";
import type { PointId } from "#vault/object/ids.ts";

test("a point is deleted and taken back, and doing either twice changes nothing", async () => {
  const bench = await MaintenanceBench.make("twice", 10);
  const { point } = await bench.backUp();
  await bench.backUp();
  const { log, signal } = bench;
  const first = await deletePoint(log, point.point, "asked for", signal);
  assert.deepEqual([first.changed, first.point.deleted?.reason, first.warnings], [true, "asked for", []]);
  const again = await deletePoint(log, point.point, "again", signal);
  assert.deepEqual([again.changed, again.point.deleted?.reason], [false, "asked for"]);
  const back = await undeletePoint(log, point.point, signal);
  assert.deepEqual([back.changed, back.point.deleted], [true, null]);
  assert.equal((await undeletePoint(log, point.point, signal)).changed, false);
  assert.deepEqual(await bench.unlike(), []);
});

test("a person may delete the newest point and the only one, and is told what that means", async () => {
  const bench = await MaintenanceBench.make("only", 10);
  const { point: old } = await bench.backUp();
  const { point: newest } = await bench.backUp();
  assert.match((await deletePoint(bench.log, newest.point, "", bench.signal)).warnings.join(), /newest point/);
  const { warnings } = await deletePoint(bench.log, old.point, "", bench.signal);
  assert.match(warnings.join(), /no point left; this one can be undeleted until 2026-12-07T\d\d:\d\dZ$/);
});

test("a point that is gone is neither deleted nor taken back", async () => {
  const bench = await MaintenanceBench.make("gone", 10);
  const none = "ab".repeat(16) as PointId;
  await assert.rejects(deletePoint(bench.log, none, "", bench.signal), { code: "POINT_GONE" });
  await assert.rejects(undeletePoint(bench.log, none, bench.signal), { code: "POINT_GONE" });
});
