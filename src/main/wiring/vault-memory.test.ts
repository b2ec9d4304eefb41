import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { lockMachineFile } from "#main/wiring/machine-lock.ts";
import { VaultMemory } from "#main/wiring/vault-memory.ts";
import { seededRandom } from "#testing/random.ts";
import { newId } from "#vault/object/ids.ts";
import type { MachineId, VaultId } from "#vault/object/ids.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-memory-"));
after(() => rmSync(folder, { recursive: true }));
const random = seededRandom("memory");
const hash = (digit: string): string => digit.repeat(64);
const seen = (seq: number, digit: string) => ({ name: "web01", head: { seq, hash: hash(digit) } });

test("the newest entry is remembered, and an older one only where a person said so", async () => {
  const memory = new VaultMemory(folder, newId<VaultId>(random));
  const machine = newId<MachineId>(random);
  assert.equal(await memory.machine(machine), null);
  await memory.rememberMachine(machine, seen(5, "a"), false);
  await memory.rememberMachine(machine, seen(4, "b"), false);
  assert.deepEqual(await memory.machine(machine), seen(5, "a"));
  await memory.rememberMachine(machine, seen(4, "b"), true);
  assert.deepEqual(await memory.machine(machine), seen(4, "b"));
});

test("every machine that is remembered is listed, until it is forgotten", async () => {
  const memory = new VaultMemory(folder, newId<VaultId>(random));
  const machine = newId<MachineId>(random);
  assert.deepEqual(await memory.ids(), []);
  await memory.rememberMachine(machine, seen(5, "a"), false);
  assert.deepEqual(await memory.ids(), [machine]);
  await memory.forgetMachine(machine);
  await memory.forgetMachine(machine);
  assert.deepEqual([await memory.ids(), await memory.machine(machine)], [[], null]);
});

test("the newest keyring is remembered, of each vault by itself", async () => {
  const memory = new VaultMemory(folder, newId<VaultId>(random));
  await memory.rememberKeyring({ generation: 3, hash: hash("a") }, false);
  await memory.rememberKeyring({ generation: 2, hash: hash("b") }, false);
  assert.deepEqual(await memory.keyring(), { generation: 3, hash: hash("a") });
  assert.equal(await new VaultMemory(folder, newId<VaultId>(random)).keyring(), null);
});

test("a file that cannot be understood counts as lost, and is replaced", async () => {
  const vault = newId<VaultId>(random);
  const memory = new VaultMemory(folder, vault);
  const machine = newId<MachineId>(random);
  await memory.rememberMachine(machine, seen(5, "a"), false);
  const own = join(folder, "vaults", vault, "machines");
  for (const broken of ["", "{", "[]", JSON.stringify({ ...seen(5, "a"), more: 1 }), JSON.stringify(seen(5, "x"))]) {
    writeFileSync(join(own, `${machine}.json`), broken);
    assert.equal(await memory.machine(machine), null, broken);
  }
  await memory.rememberMachine(machine, seen(1, "c"), false);
  assert.deepEqual(await memory.machine(machine), seen(1, "c"));
  assert.deepEqual(readdirSync(own), [`${machine}.json`]);
});

test("a machine is locked once, names who has it, and is free again after", async () => {
  const path = join(folder, "locks/web01");
  const first = await lockMachineFile(path, "web01");
  const message = new RegExp(`web01: process ${process.pid} of this host`);
  await assert.rejects(lockMachineFile(path, "web01"), { code: "MACHINE_BUSY", message });
  await first[Symbol.asyncDispose]();
  await using _again = await lockMachineFile(path, "web01");
});
