import assert from "node:assert/strict";
import { test } from "node:test";

import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { loadVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

const START_MS = Date.parse("2026-01-01T00:00Z");
const DAY_MS = 24 * 60 * 60 * 1000;

/** Destroys a version on a day of the clock, counted from the start. */
function destroy(bench: CopyBench, version: Version, day: number): Version {
  const sql = "UPDATE versions SET value = NULL, wrapping = NULL, destroyed_ms = ? WHERE id = ?";
  bench.change(sql, START_MS + day * DAY_MS, version.id);
  bench.change("INSERT INTO certificates VALUES (?, '{}', x'00')", version.id);
  return loadVersion(bench.store, version.id);
}

/** How many copies may hold a version. */
function held(bench: CopyBench, version: Version): number {
  return copiesThatHold(bench.store, version).reduce((sum, { copies }) => sum + copies, 0);
}

test("copies from before a version was made and from after it was destroyed do not hold it", async () => {
  using bench = await CopyBench.make("a");
  await bench.copy();
  bench.pass(1);
  const version = bench.add("web01");
  await bench.copy();
  bench.pass(1);
  const destroyed = destroy(bench, version, 2);
  bench.pass(1);
  await bench.copy();
  assert.equal(held(bench, destroyed), 1);
});

test("a version that was made while the clock was ahead is in the copies that were written when it was right again", async () => {
  using bench = await CopyBench.make("a");
  bench.pass(400);
  const version = bench.add("web01");
  bench.pass(-400);
  await bench.copy();
  assert.equal(held(bench, version), 1);
  assert.equal(held(bench, destroy(bench, version, 0)), 1);
});

test("a copy that was written while the clock was ahead holds what was destroyed when it was right again", async () => {
  using bench = await CopyBench.make("a");
  const version = bench.add("web01");
  bench.pass(400);
  await bench.copy();
  bench.pass(-399);
  const destroyed = destroy(bench, version, 1);
  assert.deepEqual(copiesThatHold(bench.store, destroyed), [
    { place: "a", copies: 1, goneAtMs: START_MS + (400 + 90) * DAY_MS },
  ]);
  bench.pass(1);
  await bench.copy("full");
  assert.equal(held(bench, destroyed), 1, "the new one does not have it");
});

test("no day that has passed is named as the last of a copy that is still there", async () => {
  using bench = await CopyBench.make("a");
  const version = bench.add("web01");
  await bench.copy();
  const destroyed = destroy(bench, version, 0);
  bench.pass(89);
  assert.equal(copiesThatHold(bench.store, destroyed)[0]?.goneAtMs, START_MS + 90 * DAY_MS);
  bench.pass(1);
  assert.deepEqual(copiesThatHold(bench.store, destroyed), [{ place: "a", copies: 1, goneAtMs: null }]);
});
