import assert from "node:assert/strict";
import { test } from "node:test";

import { statementCheck } from "#ops/check/check-statements.ts";
import { keepInStep } from "#ops/keys/keep-in-step.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { LogBench, must } from "#testing/vaults/log-bench.ts";
import type { LoggedVerdict } from "#vault/entry/entry.ts";
import { readLog } from "#vault/log/log-reader.ts";
import { verifyLog } from "#vault/log/summary-check.ts";

async function whysOf({ vault, log, signal }: InStepBench): Promise<readonly string[]> {
  const { keys } = vault.keyring;
  const { visit, wrong } = statementCheck(keys.vaultId, log.machine);
  await verifyLog({ store: vault.store, keys, machine: log.machine }, visit, signal);
  return wrong.map(({ why }) => why);
}

async function lastVerdict({ vault, log, signal }: InStepBench): Promise<LoggedVerdict> {
  const source = { store: vault.store, keys: vault.keyring.keys, machine: log.machine };
  let found: LoggedVerdict | undefined;
  for await (const { entry } of readLog(source, null, 0, () => undefined, signal)) {
    if (entry.type === "verdict") found = entry.items.at(-1);
  }
  return found ?? assert.fail("the log has no verdict");
}

test("verdicts that the key store did not give, or gave of something else, are found in a log, and its own are not", async () => {
  using bench = await InStepBench.make("forged verdicts");
  await bench.bindKey();
  const [point, other] = [await bench.backUp(), await bench.backUp()];
  await keepInStep(bench.deps, [point], { anew: false, progress: () => undefined }, bench.signal);
  assert.deepEqual(await whysOf(bench), []);

  const own = await lastVerdict(bench);
  const forged = async (change: Partial<LoggedVerdict>): Promise<string> => {
    await must(bench.log, { type: "verdict", compatible: true, items: [{ ...own, ...change }] });
    return (await whysOf(bench)).at(-1) ?? "";
  };
  assert.match(await forged({ point: other }), /is about another volume/);
  assert.match(await forged({ signed: own.signed.replace('"opens"', '"reads"') }), /is not signed by the key store/);
  assert.match(await forged({ verdict: "reads" }), /the log says something else than the statement/);
  assert.match(await forged({ derivedAt: "2026-02-01T00:00:00Z" }), /says something else/);
  assert.match(await forged({ volume: "7" }), /has no such volume/);
  assert.equal((await whysOf(bench)).length, 5);
});

test("a statement that is in a log twice is found: an old good word would else take the place of a bad one", async () => {
  using bench = await InStepBench.make("replayed verdict");
  await bench.bindKey();
  const point = await bench.backUp();
  const prove = () => keepInStep(bench.deps, [point], { anew: true, progress: () => undefined }, bench.signal);
  await prove();
  const good = await lastVerdict(bench);
  bench.pass({ hours: 1 });
  bench.keySide.side.store.db.prepare("UPDATE versions SET enabled = 0").run();
  await prove();
  assert.deepEqual([(await lastVerdict(bench)).verdict, await whysOf(bench)], ["version unusable", []]);
  await must(bench.log, { type: "verdict", compatible: true, items: [good] });
  assert.match((await whysOf(bench)).join(), /^it was logged before, in entry \d+$/);
});

test("a verdict in a log that knows no key store is nobody's word", async () => {
  const bench = new LogBench("no key store");
  const log = await bench.create();
  const point = await bench.point(log);
  await must(log, bench.volumesDraft(point, "a".repeat(64)));
  await must(log, bench.verdictDraft(point));
  const source = bench.source();
  const { visit, wrong } = statementCheck(source.keys.vaultId, log.machine);
  await verifyLog(source, visit, new AbortController().signal);
  assert.deepEqual(
    wrong.map(({ why }) => why),
    ["the log does not know what the key store signs with"],
  );
});
