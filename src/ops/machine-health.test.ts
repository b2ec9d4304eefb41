import assert from "node:assert/strict";
import { test } from "node:test";

import { machineHealth } from "#ops/machine-health.ts";
import type { MachineHealth } from "#ops/machine-health.ts";
import { openSession } from "#vault/session.ts";
import { memoryDisk } from "#testing/memory-disk.ts";
import { VaultBench, backUp } from "#testing/vault-bench.ts";
import type { Log } from "#vault/log.ts";

const stalledAfterMs = 3_600_000;

async function machine(seed: string) {
  const bench = new VaultBench(seed);
  const definition = bench.disk("sda", 8192);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const content = new Uint8Array(8192).fill(5);
  const pass = (hours: number): void => void (bench.clock.now = bench.clock.now.add({ hours }));
  return { bench, definition, log, vault, content, pass };
}

function health(log: Log, bench: VaultBench): MachineHealth {
  return machineHealth(log.fold, { now: bench.clock.now, stalledAfterMs });
}

const kinds = ({ needs }: MachineHealth): readonly string[] => needs.map(({ kind }) => kind);

test("a machine needs somebody until it has a point, and again when the next is late", async () => {
  const { bench, definition, log, vault, content, pass } = await machine("overdue");
  assert.deepEqual(kinds(health(log, bench)), ["overdue"]);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  assert.deepEqual(health(log, bench), { lastPoint: point, points: 1, needs: [] });
  pass(29);
  assert.deepEqual(health(log, bench).needs, []);
  pass(2);
  assert.deepEqual(kinds(health(log, bench)), ["overdue"]);
});

test("a newest point that is torn, or has sectors missing, needs somebody; an older one does not", async () => {
  const { bench, definition, log, vault, content } = await machine("torn");
  const torn = memoryDisk(content, { unreadable: [{ offsetBytes: 512, lengthBytes: 512 }] });
  torn.written = "it was written to";
  await backUp(vault, log, definition, torn, { tornOk: true, skipUnreadable: true });
  assert.deepEqual(kinds(health(log, bench)), ["torn", "unreadable"]);
  await backUp(vault, log, definition, memoryDisk(content));
  assert.deepEqual(health(log, bench).needs, []);
});

test("a backup that gives no sign is taken for dead after a while", async () => {
  const { bench, definition, log, vault, content, pass } = await machine("stalled");
  await backUp(vault, log, definition, memoryDisk(content));
  const choose = () => ({ base: null, adopt: false });
  await openSession(log, "backup", { choose, random: vault.random }, bench.signal);
  assert.deepEqual(health(log, bench).needs, []);
  pass(1);
  assert.deepEqual(kinds(health(log, bench)), ["stalled"]);
});

test("dates in doubt need somebody, and damage does so even where nothing is backed up any more", async () => {
  const { bench, definition, log, vault, content, pass } = await machine("doubt");
  pass(24 * 365);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  assert.deepEqual(kinds(health(log, bench)), ["date-doubtful"]);
  await log.append((fold) => ({ type: "machine", machine: { ...fold.machine, protected: false } }), bench.signal);
  assert.deepEqual(health(log, bench).needs, []);
  const segment = `${point.session}-00000000`;
  const item = { kind: "data", segment, generation: "0", slots: [[0, 1]] };
  await log.append(() => ({ type: "damaged", disk: definition.id, items: [item] }) as never, bench.signal);
  assert.deepEqual(kinds(health(log, bench)), ["damaged"]);
});
