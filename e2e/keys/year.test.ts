import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { losses } from "./year-losses.ts";
import { runDays } from "./year-run.ts";
import { YearWorld } from "./year-world.ts";

const DAYS = 365;

test("in a year of backups, rollovers, kills and losses each green point opens, no needed version goes, and each loss is noticed", async (t) => {
  const seed = "a year";
  t.diagnostic(`seed: ${seed}`);
  const folder = mkdtempSync(join(tmpdir(), "lockstep-year-"));
  t.after(() => rmSync(folder, { recursive: true }));
  using world = await YearWorld.make(seed, { folder, luks: 1, keep: "daily=7,weekly=4,monthly=3" });
  const noticed = await runDays(world, DAYS, losses);
  assert.deepEqual(new Set(noticed.map(({ loss }) => loss)), new Set(losses.map(({ name }) => name)));
  const { counts, destroyed } = world;
  t.diagnostic(JSON.stringify({ ...counts, destroyed: destroyed.size, noticed: noticed.length }));
  assert.ok(counts.rollovers >= 2 * 11 && counts.kills > 50 && counts.carried > counts.derived);
  assert.ok(destroyed.size > 0 && counts.refusals > destroyed.size, "old versions went, and none before its time");
});
