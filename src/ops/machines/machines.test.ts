import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { machineNamed, readMachines } from "#ops/machines/machines.ts";
import type { KnownMachine } from "#ops/machines/machines.ts";
import { refuseTakenName } from "#ops/machines/protect.ts";
import type { Store } from "#store/contract.ts";
import { seededRandom } from "#testing/random.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { VaultBench } from "#testing/vaults/vault-bench.ts";
import type { Log } from "#vault/log/log.ts";
import { newId } from "#vault/object/ids.ts";
import type { MachineId } from "#vault/object/ids.ts";

async function vaultWith(seed: string, ...names: readonly string[]) {
  const bench = new VaultBench(seed);
  const logs: Log[] = [];
  for (const name of names) logs.push(await bench.createMachine([bench.disk("sda", 4096)], { name }));
  const read = (
    known: (machine: MachineId) => KnownMachine | null = () => null,
    ids: readonly MachineId[] = [],
    through: (store: Store) => Store = (store) => store,
  ) => {
    const vault = bench.vault(through(bench.store));
    return readMachines(vault, { ids: async () => ids, machine: async (id) => known(id) }, bench.signal);
  };
  return { logs, read };
}

/** A view of a store that may not be read or listed under `prefix`. */
function denying(prefix: string): (store: Store) => Store {
  return (store) =>
    gatedStore(store, ({ key }) =>
      key.startsWith(prefix) ? Promise.reject(new LockstepError("STORE_DENIED", `${key}: EACCES`)) : Promise.resolve(),
    );
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

test("a machine that this host remembers and the vault does not have any more is missed by its name", async () => {
  const { read } = await vaultWith("gone", "web01");
  const [gone, lost] = [newId<MachineId>(seededRandom("gone")), newId<MachineId>(seededRandom("lost"))];
  const head = { seq: 9, hash: "ab".repeat(32) };
  const machines = await read((machine) => (machine === gone ? { name: "db01", head } : null), [gone, lost]);
  assert.deepEqual(
    machines.faults.map(({ machine, name }) => [machine, name]),
    [[gone, "db01"]],
  );
  assert.throws(() => machineNamed(machines, "db01"), { code: "LOG_ROLLED_BACK", message: /no entry, and entry 9/ });
  assert.equal(machines.logs.length, 1);
});

test("a log that the store denies to be read stops nobody but its own machine", async () => {
  const { logs, read } = await vaultWith("denied", "web01", "db01");
  const denied = logs[0]?.machine ?? "none";
  const machines = await read(undefined, [], denying(`machines/${denied}/log/`));
  assert.deepEqual(
    machines.logs.map(({ fold }) => fold.machine.name),
    ["db01"],
  );
  assert.deepEqual(
    machines.faults.map(({ machine, error }) => [machine, error.code]),
    [[denied, "STORE_DENIED"]],
  );
  assert.throws(() => machineNamed(machines, denied), { code: "STORE_DENIED" });
  assert.throws(() => machineNamed(machines, "web01"), { code: "NAME_UNKNOWN" });
});

test("a roster that the store denies to be listed is nobody's fault but the store's", async () => {
  const { read } = await vaultWith("all denied", "web01");
  await assert.rejects(read(undefined, [], denying("roster/")), { code: "STORE_DENIED" });
});
