import assert from "node:assert/strict";
import { test } from "node:test";

import { checkVault } from "#ops/check/check-vault.ts";
import type { CheckVaultResult } from "#ops/check/check-vault.ts";
import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { alter, flip, keysOf } from "#testing/vaults/damage.ts";
import { fileKeyOf, keyringDeps } from "#testing/vaults/keyring-deps.ts";
import { VaultBench } from "#testing/vaults/vault-bench.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import { newId } from "#vault/object/ids.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { Vault } from "#vault/vault.ts";

const { signal } = new AbortController();

type Bench = { readonly vault: Vault; readonly opened: OpenedKeyring; readonly log: Log };

/** A vault with a real keyring, and a machine with a log that is long enough for a summary. */
async function makeVault(seed: string, singleDisk: boolean): Promise<Bench> {
  const store = memoryStore({ singleDisk });
  const deps = keyringDeps(seed);
  const opened = await createVault(store, { ways: [{ label: "host", secret: fileKeyOf(1) }] }, deps, signal);
  const bench = new VaultBench(seed, store);
  const vault = { ...bench.vault(), keyring: logKeyring(store, opened) };
  const definition = {
    name: "web01",
    disks: [bench.disk("sda", 1)],
    keep: "",
    everyHours: 24,
    timeZone: "UTC",
    protected: true,
  };
  const log = await createMachine(vault, definition, signal);
  for (let i = 0; i < 70; i++) await log.append((fold) => ({ type: "machine", machine: fold.machine }), signal);
  return { vault, opened, log };
}

function checkNow({ vault, opened }: Bench, repair = true): Promise<CheckVaultResult> {
  return checkVault(vault, opened, { repair, progress: () => undefined }, signal);
}

test("a sound vault is ok", async () => {
  for (const singleDisk of [false, true]) {
    const bench = await makeVault("sound", singleDisk);
    const found = await checkNow(bench);
    const { keyring, rosterFaults, copies, stray, foreign } = found;
    assert.deepEqual([keyring.faults, rosterFaults, copies, stray, foreign], [[], [], [], [], []]);
    assert.deepEqual([found.ok, found.logs[0]?.entries, found.logs[0]?.name], [true, 71, "web01"]);
  }
});

test("whatever second copy is missing is named, and put back", async () => {
  const bench = await makeVault("copies", true);
  const all = await keysOf(bench.vault.store);
  const copies = all.filter((key) => key.startsWith("copies/"));
  assert.equal(copies.length, 71 + 3);
  for (const key of copies) await bench.vault.store.delete(key, signal);
  const noted = await checkNow(bench, false);
  assert.deepEqual([noted.ok, await keysOf(bench.vault.store)], [false, all.filter((key) => !copies.includes(key))]);
  assert.equal((await checkNow(bench)).ok, true);
  assert.deepEqual(await keysOf(bench.vault.store), all);
});

test("a summary that is not what the log gives is named", async () => {
  const bench = await makeVault("summary", false);
  const [summary = ""] = await keysOf(bench.vault.store, (key) => key.includes("/summaries/"));
  await flip(bench.vault.store, summary, 100);
  const { ok, logs } = await checkNow(bench);
  assert.deepEqual([ok, logs[0]?.wrongSummaries.length], [false, 1]);
});

test("a broken log is named, and the other machines are checked all the same", async () => {
  const bench = await makeVault("log", false);
  const other = await createMachine(bench.vault, { ...bench.log.fold.machine, name: "db01" }, signal);
  const [entry = ""] = await keysOf(bench.vault.store, (key) => key.includes(`${bench.log.machine}/log/00000005`));
  await alter(bench.vault.store, entry, (bytes) => bytes.subarray(0, 80));
  const { ok, logs } = await checkNow(bench);
  assert.equal(ok, false);
  assert.match(logs.find(({ machine }) => machine === bench.log.machine)?.fault ?? "", /00000005/);
  assert.equal(logs.find(({ machine }) => machine === other.machine)?.fault, null);
});

test("objects that no Lockstep writes are listed and left alone, and are no damage", async () => {
  const bench = await makeVault("foreign", false);
  const strange = ["machines/readme.txt", "notes/a"];
  for (const key of strange) await bench.vault.store.put(key, [new Uint8Array(3)], {}, signal);
  const { ok, foreign } = await checkNow(bench);
  assert.deepEqual([ok, [...foreign].sort()], [true, strange]);
  for (const key of strange) assert.ok(await bench.vault.store.stat(key, signal));
});

test("objects of a machine that the roster does not have are listed and left alone", async () => {
  const bench = await makeVault("stray", false);
  const strange = `machines/${"ab".repeat(16)}/log/00000001`;
  await bench.vault.store.put(strange, [new Uint8Array(3)], {}, signal);
  const { ok, stray } = await checkNow(bench);
  assert.deepEqual([ok, stray], [false, [strange]]);
  assert.ok(await bench.vault.store.stat(strange, signal));
});

test("a damaged second copy is replaced; a damaged first one is named and stays, for nothing may free a log's name", async () => {
  const bench = await makeVault("damaged", true);
  const entry = objectKeys.logEntry(bench.log.machine, 2);
  const whole = await bench.vault.store.get(entry, 1e6, signal);
  await flip(bench.vault.store, objectKeys.copy(entry), 100);
  assert.deepEqual(
    (await checkNow(bench, false)).copies.map(({ repaired }) => repaired),
    [false],
  );
  assert.deepEqual(
    (await checkNow(bench)).copies.map(({ repaired }) => repaired),
    [true],
  );
  assert.deepEqual(await bench.vault.store.get(objectKeys.copy(entry), 1e6, signal), whole);
  await flip(bench.vault.store, entry, 100);
  const { ok, copies } = await checkNow(bench);
  assert.deepEqual([ok, copies.map(({ key, repaired }) => [key, repaired])], [false, [[entry, false]]]);
});

test("a keyring whose newest generation is gone, which a log names, is noticed", async () => {
  const bench = await makeVault("rolled back", false);
  await bench.log.append(() => ({ type: "keyring", generation: 2, hash: "ab".repeat(32) }), signal);
  const { ok, logs } = await checkNow(bench);
  assert.equal(ok, false);
  assert.match(logs[0]?.fault ?? "", /keyring generation 2/);
});

test("a log that is older than this host has seen it, and a machine that is gone, are faults", async () => {
  const { vault, opened, log } = await makeVault("rolled back", false);
  const gone = newId<MachineId>(seededRandom("gone"));
  const check = (seq: number, hash: string) =>
    checkVault(
      vault,
      opened,
      {
        repair: false,
        known: { ids: async () => [log.machine, gone], machine: async () => ({ name: "web01", head: { seq, hash } }) },
        progress: () => undefined,
      },
      signal,
    );
  const { seq, hash } = log.fold;
  const same = await check(seq, hash);
  assert.deepEqual([same.ok, same.logs.map(({ fault }) => fault === null)], [false, [true, false]]);
  assert.deepEqual([same.logs[1]?.machine, same.logs[1]?.name], [gone, "web01"]);
  assert.match((await check(seq + 1, hash)).logs[0]?.fault ?? "", /ends with entry 71, and entry 72 was expected/);
  assert.match((await check(seq, "ab".repeat(32))).logs[0]?.fault ?? "", /not the one that was expected/);
});
