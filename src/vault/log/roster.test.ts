import assert from "node:assert/strict";
import { test } from "node:test";

import { faultyStore } from "#testing/stores/faulty-store.ts";
import { LogBench, signal } from "#testing/vaults/log-bench.ts";
import { createMachine, listMachines } from "#vault/log/roster.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

test("machines that were created are listed, and their logs start with the definition", async () => {
  const bench = new LogBench("created");
  const logs = [];
  for (const name of ["web01", "db01"])
    logs.push(await createMachine(bench.writer(), bench.definition({ name }), signal));
  assert.deepEqual(await listMachines(bench, signal), {
    machines: logs.map(({ machine }) => machine).sort(),
    warnings: [],
  });
  assert.deepEqual(
    logs.map(({ fold }) => [fold.seq, fold.machine.name]),
    [
      [1, "web01"],
      [1, "db01"],
    ],
  );
});

for (const singleDisk of [false, true]) {
  test(`a creation that dies at any call leaves a whole machine or none; on one disk: ${singleDisk}`, async () => {
    for (let call = 0; ; call++) {
      const bench = new LogBench(`dies ${call}`, { singleDisk });
      const faulty = faultyStore(bench.store);
      faulty.failAt(call, "before");
      const retry = { attempts: 1, delayMs: () => 0, sleep: () => Promise.resolve() };
      const writer = bench.writer("host-a", { store: faulty.store, retry });
      const log = await createMachine(writer, bench.definition(), signal).catch(() => null);
      const { machines, warnings } = await listMachines(bench, signal);
      assert.deepEqual(warnings, []);
      for (const machine of machines) {
        bench.machine = machine;
        assert.equal((await bench.open()).fold.seq, 1);
      }
      if (log !== null) return assert.deepEqual(machines, [log.machine]);
    }
  });
}

test("on a store of one disk a machine outlives the loss of its place in the roster", async () => {
  const bench = new LogBench("lost place", { singleDisk: true });
  const { machine } = await bench.create();
  await bench.store.delete(objectKeys.roster(machine), signal);
  assert.deepEqual(await listMachines(bench, signal), { machines: [machine], warnings: [] });
});

test("a machine that lost its log's first entry is listed: the rest of it is there", async () => {
  const bench = new LogBench("lost first entry");
  const log = await bench.create();
  await bench.point(log);
  await bench.store.delete(objectKeys.logEntry(log.machine, 1), signal);
  assert.deepEqual((await listMachines(bench, signal)).machines, [log.machine]);
  await assert.rejects(bench.open(), { code: "LOG_CORRUPT", message: /00000001: it is missing/ });
});

test("a place that is broken still names its machine, with a warning", async () => {
  const bench = new LogBench("broken place");
  const { machine } = await bench.create();
  const key = objectKeys.roster(machine);
  await bench.store.delete(key, signal);
  await bench.store.put(key, [bench.random(120)], {}, signal);
  const { machines, warnings } = await listMachines(bench, signal);
  assert.deepEqual(machines, [machine]);
  assert.match(warnings[0] ?? "", new RegExp(key));
});
