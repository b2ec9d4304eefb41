import assert from "node:assert/strict";
import { test } from "node:test";

import { machineHealth } from "#ops/health/machine-health.ts";
import type { MachineHealth } from "#ops/health/machine-health.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { must } from "#testing/vaults/log-bench.ts";
import { VaultBench, backUp } from "#testing/vaults/vault-bench.ts";
import type { Log } from "#vault/log/log.ts";
import { openSession } from "#vault/log/session.ts";

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
  return machineHealth(log.fold, { now: bench.clock.now, stalledAfterMs, hasKeySide: false });
}

const kinds = ({ needs }: MachineHealth): readonly string[] => needs.map(({ kind }) => kind);

test("a machine needs somebody until it has a point, and again when the next is late", async () => {
  const { bench, definition, log, vault, content, pass } = await machine("overdue");
  assert.deepEqual(kinds(health(log, bench)), ["overdue"]);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  const { lastPoint, points, needs } = health(log, bench);
  assert.deepEqual([lastPoint, points, needs], [point, 1, []]);
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

/** A machine with a point whose only disk has one encrypted volume, and what the key side says of it. */
async function withVerdict(seed: string, verdict: string | null, isDeleted = false) {
  const { bench, definition, log, vault, content } = await machine(seed);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  const digest = "0".repeat(64);
  const volume = { name: "1", format: "luks2", identity: digest, headerDigest: digest, protectors: [digest] } as const;
  const disks = [{ disk: definition.id, encrypted: [volume], unknown: [] }];
  await must(log, { type: "volumes", compatible: true, items: [{ point: point.point, disks }] });
  const at = bench.clock.now.toString();
  const common = { point: point.point, disk: definition.id, volume: "1", at, unproven: false };
  const signed = { signed: "{}", signature: Buffer.alloc(64).toString("base64") };
  const opened = { ...common, verdict: "opens", version: "web01/v1", derivedAt: at, ...signed };
  const said = verdict === null ? [] : [opened, { ...opened, verdict }];
  for (const item of said) await must(log, { type: "verdict", compatible: true, items: [item] });
  if (isDeleted) await must(log, { type: "deleted", point: point.point, by: "person", reason: "a test" });
  const terms = { now: bench.clock.now, stalledAfterMs };
  return (hasKeySide: boolean) => machineHealth(log.fold, { ...terms, hasKeySide });
}

test("a point that nothing opens needs somebody, and so does one that opened before and does not any more", async () => {
  const found = (await withVerdict("red", "rejected"))(true);
  assert.deepEqual([found.light?.light, kinds(found)], ["red", ["red", "light-lost"]]);
  assert.match(found.needs[0]?.words ?? "", /^\w+@\S+ is red: disk sda, volume 1 is not opened/);
});

test("a deleted point that nothing opens needs nobody, and still needs its version", async () => {
  const found = (await withVerdict("deleted", "rejected", true))(true);
  assert.deepEqual([found.points, kinds(found), found.versions], [0, ["overdue"], ["web01/v1"]]);
});

test("a newest point that nobody tried needs somebody where there is a key side to try it", async () => {
  const healthOf = await withVerdict("not tried", null);
  assert.deepEqual([kinds(healthOf(false)), kinds(healthOf(true))], [[], ["not-opened"]]);
});

test("a point that opened lately needs nobody, and says which version it needs", async () => {
  const found = (await withVerdict("green", "reads"))(true);
  assert.deepEqual([found.light?.light, found.versions, found.needs], ["green", ["web01/v1"], []]);
});
