import assert from "node:assert/strict";
import { test } from "node:test";

import { machineNamed, readMachines } from "#ops/machines.ts";
import type { KnownMachine } from "#ops/machines.ts";
import { refuseTakenName } from "#ops/protect.ts";
import { VaultBench } from "#testing/vault-bench.ts";
import type { MachineId } from "#vault/ids.ts";
import type { Log } from "#vault/log.ts";

async function vaultWith(seed: string, ...names: readonly string[]) {
  const bench = new VaultBench(seed);
  const vault = bench.vault();
  const logs: Log[] = [];
  for (const name of names) logs.push(await bench.createMachine([bench.disk("sda", 4096)], { name }));
  const read = (known: (machine: MachineId) => KnownMachine | null = () => null) =>
    readMachines(vault, (machine) => Promise.resolve(known(machine)), bench.signal);
  return { logs, read };
}

test("machines come by name, and are found by name or id", async () => {
  const { logs, read } = await vaultWith("found", "web01", "db01");
  const machines = await read();
  const names = machines.logs.map(({ fold }) => fold.machine.name);
  assert.deepEqual([names, machines.faults, machines.warnings], [["db01", "web01"], [], []]);
  assert.equal(machineNamed(machines, "web01").machine, logs[0]?.machine);
  assert.equal(machineNamed(machines, logs[1]?.machine ?? "").fold.machine.name, "db01");
  assert.throws(() => machineNamed(machines, "web"), { code: "NAME_UNKNOWN" });
});

test("a name that two machines have is refused, and no third one gets it", async () => {
  const { logs, read } = await vaultWith("twice", "web01", "web01");
  const machines = await read();
  assert.throws(() => machineNamed(machines, "web01"), {
    code: "NAME_AMBIGUOUS",
    message: new RegExp(logs[0]?.machine ?? "none"),
  });
  assert.throws(() => refuseTakenName(machines, "web01"), { code: "NAME_TAKEN" });
  refuseTakenName(machines, "web02");
});

test("a log that was rolled back stops nobody but its own machine, which is known by its old name", async () => {
  const { logs, read } = await vaultWith("rolled back", "web01", "db01");
  const head = { seq: 9, hash: "ab".repeat(32) };
  const machines = await read((machine) => (machine === logs[0]?.machine ? { name: "web01", head } : null));
  assert.deepEqual(
    machines.logs.map(({ fold }) => fold.machine.name),
    ["db01"],
  );
  assert.throws(() => machineNamed(machines, "web01"), { code: "LOG_ROLLED_BACK" });
  assert.throws(() => refuseTakenName(machines, "web01"), { code: "NAME_TAKEN" });
  assert.equal(machineNamed(machines, "db01").machine, logs[1]?.machine);
});
