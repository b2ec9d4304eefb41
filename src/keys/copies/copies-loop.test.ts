import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { keepCopied } from "#keys/copies/copies-loop.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";

/** Runs the loop while `work` does. @returns what failed */
async function whileCopied(bench: CopyBench, work: () => Promise<void>): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  const ending = new AbortController();
  const how = { tickMs: 10, clock: () => performance.now(), failed: (error: unknown) => void failures.push(error) };
  const loop = keepCopied(bench, how, ending.signal);
  await work();
  ending.abort();
  await loop;
  return failures;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    assert.ok(tries < 200, "it does not come");
    await setTimeout(10);
  }
}

test("each change is copied soon, and what came last when it ends", async () => {
  using bench = await CopyBench.make("a");
  const failures = await whileCopied(bench, async () => {
    await until(async () => (await bench.names("a")).includes("00000001-00000001"));
    bench.add("web01");
    await until(async () => (await bench.names("a")).includes("00000001-00000002"));
    bench.add("web02");
  });
  assert.deepEqual(failures, []);
  assert.ok((await bench.names("a")).includes("00000001-00000003"));
});

test("a failure is told once, and not again at each tick; a sealed store is left alone", async () => {
  using bench = await CopyBench.make("a");
  bench.away("a", true);
  const failures = await whileCopied(bench, () => setTimeout(200));
  assert.equal(failures.length, 1);
  bench.away("a", false);
  bench.store.seal();
  assert.deepEqual(await whileCopied(bench, () => setTimeout(100)), []);
  assert.deepEqual(await bench.names("a"), []);
});

test("a database that cannot be read any more is a failure like any other, and ends nothing", async () => {
  using bench = await CopyBench.make("a");
  bench.store.db.exec("DROP TABLE place_states");
  const failures = await whileCopied(bench, () => setTimeout(100));
  assert.equal(failures.length, 2); // once, and once more at its end
});
