import assert from "node:assert/strict";
import { test } from "node:test";
import { keptWords, stayWords } from "#cli/shown/shown-fate.ts";
import { listPoints } from "#ops/points/points.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";

test("why a point is kept is said in few words", () => {
  const reasons = ["newest", "last 1 of 3", "daily 1 of 7 (2026-11-23)", "yearly 2 of 7 (2025)"];
  assert.equal(keptWords(reasons), "newest, last 1/3, daily 1/7, yearly 2/7");
  assert.equal(keptWords(["the rule is empty, so all are kept"]), "all");
  assert.match(keptWords([]), /no rule/);
});

test("a point that came back is said with what keeps it, or that the next prune deletes it again", async () => {
  const bench = await MaintenanceBench.make("back", 10, { keep: "last=1" });
  const { point: old } = await bench.backUp();
  bench.bench.clock.now = bench.bench.clock.now.add({ hours: 24 });
  await bench.backUp();
  const [newest, oldest] = listPoints(bench.log, "live", bench.bench.clock.now);
  assert.ok(newest !== undefined && oldest?.state.point === old.point);
  assert.match(
    stayWords(bench.log, newest),
    /^, kept as newest, last 1\/1; it is expected to stay until \d{4}-\d\d-\d\d\.$/,
  );
  assert.match(
    stayWords(bench.log, oldest),
    /next prune deletes it again, .* rule last=1 .*lockstep machine set web01 --keep RULE$/,
  );
});
