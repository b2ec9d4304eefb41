import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { skipUnless } from "../volume/rig.ts";
import { losses } from "./year-losses.ts";
import type { YearsResult } from "./year-run.ts";

const program = new URL("../../bench/ten-years.ts", import.meta.url).pathname;

test("in a year of backups, rollovers, kills and losses each green point opens, no needed version goes, and each loss is noticed", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const words = ["--years", "1", "--machines", "2", "--seed", "a year", "--keep", "daily=7,weekly=2,monthly=4"];
  // In a process of its own: the test runner's looks at every promise take a third of the time.
  const child = spawn(process.execPath, [program, ...words, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  const [said, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.equal(status, 0, "it ended without an error");
  t.diagnostic(said.trim());
  const { counts, walked, noticed, destroyed } = JSON.parse(said) as YearsResult;
  assert.deepEqual(new Set(Object.keys(noticed)), new Set(losses.map(({ name }) => name)));
  assert.ok(counts.rollovers >= 2 * 12 && counts.carried > counts.derived);
  for (const [act, { rounds }] of Object.entries(walked)) assert.ok(rounds > 0, `killed at each call: ${act}`);
  assert.ok(destroyed > 0 && counts.refusals > destroyed, "old versions went, and none before its time");
});
