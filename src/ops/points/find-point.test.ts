import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { nothingKnown, readMachines } from "#ops/machines/machines.ts";
import type { Machines } from "#ops/machines/machines.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { findPoint, nameOfPoint } from "#ops/points/find-point.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { backUp, VaultBench } from "#testing/vaults/vault-bench.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { parseId } from "#vault/object/ids.ts";
import type { MachineId } from "#vault/object/ids.ts";

const { signal } = new AbortController();

async function taken(bench: VaultBench, log: Log, times: readonly string[]): Promise<readonly PointState[]> {
  const vault = bench.vault();
  const definition = log.fold.machine.disks[0];
  assert.ok(definition !== undefined);
  const points = [];
  for (const time of times) {
    bench.clock.now = Temporal.Instant.from(time);
    points.push((await backUp(vault, log, definition, memoryDisk(new Uint8Array([points.length + 1])))).point);
  }
  return points;
}

function readAll(bench: VaultBench): Promise<Machines> {
  return readMachines(bench.vault(), nothingKnown, signal);
}

async function web01(): Promise<{ bench: VaultBench; log: Log; points: readonly PointState[] }> {
  const bench = new VaultBench("find");
  const log = await bench.createMachine([bench.disk("sda", 1)], { timeZone: "Europe/Berlin" });
  const times = ["2026-11-23T14:05:00Z", "2026-11-23T22:59:00Z", "2026-11-23T23:30:00Z"];
  return { bench, log, points: await taken(bench, log, times) };
}

test("a name, a date, a minute and the start of an id each find the point that they mean", async () => {
  const { bench, log, points } = await web01();
  const machines = await readAll(bench);
  const [first, second, third] = points.map(({ point }) => point);
  const found = (text: string): string => findPoint(machines, text).point.point;
  assert.equal(found("web01"), third);
  assert.equal(found("web01@latest"), third);
  assert.equal(found("web01@2026-11-23"), second, "the day is Berlin's");
  assert.equal(found("web01@2026-11-24"), third);
  assert.equal(found("web01@2026-11-23T15:05"), first);
  assert.equal(found(`web01@${first?.slice(0, 10)}`), first);
  assert.equal(found(first ?? ""), first);
  assert.equal(found(second?.slice(0, 12).toUpperCase() ?? ""), second);
  assert.equal(found(log.machine.slice(0, 12)), third, "a machine's id stands for its name");
  assert.equal(found(`${log.machine.slice(0, 12)}@2026-11-23T15:05`), first);
});

test("the name that is shown finds the same point again", async () => {
  const { bench, log, points } = await web01();
  const machines = await readAll(bench);
  for (const point of points) {
    const name = nameOfPoint(log, point);
    assert.equal(findPoint(machines, name).point.point, point.point);
    assert.equal(findPoint(machines, name).name, name);
  }
});

test("what is not there is said, with what may have been meant", async () => {
  const { bench } = await web01();
  const machines = await readAll(bench);
  assert.throws(() => findPoint(machines, "wbe01"), { code: "NAME_UNKNOWN", hint: "Did you mean web01?" });
  const error = new LockstepError("STORE_DENIED", "this user may not");
  const unread = { ...machines, faults: [{ machine: parseId<MachineId>("ab".repeat(16), "test"), name: null, error }] };
  assert.throws(() => findPoint(unread, "wbe01"), { hint: /one whose log cannot be read: abab.*this user may not/ });
  assert.throws(() => findPoint(machines, "web01@2019-03-01"), { code: "NAME_UNKNOWN", hint: /point list web01/ });
  assert.throws(() => findPoint(machines, "00000000000000000000000000000000"), { code: "NAME_UNKNOWN" });
  assert.throws(() => findPoint(machines, "web01@yesterday"), { code: "ARGUMENT_INVALID" });
});

test("two machines of one name are told apart by their ids only", async () => {
  const { bench, log } = await web01();
  const other = await bench.createMachine([bench.disk("sda2", 1)]);
  await taken(bench, other, ["2026-11-24T12:00:00Z"]);
  const machines = await readAll(bench);
  const hasBoth = (error: unknown): boolean =>
    error instanceof Error && error.message.includes(log.machine) && error.message.includes(other.machine);
  assert.throws(() => findPoint(machines, "web01"), { code: "NAME_AMBIGUOUS" });
  assert.throws(() => findPoint(machines, "web01"), hasBoth);
  assert.equal(findPoint(machines, other.machine).log.machine, other.machine);
  assert.equal(findPoint(machines, `${log.machine}@latest`).log.machine, log.machine);
});

test("a start of an id that fits several points lists them", async () => {
  const bench = new VaultBench("many");
  const log = await bench.createMachine([bench.disk("sda", 1)]);
  const [one] = await taken(bench, log, ["2026-11-23T14:05:00Z"]);
  assert.ok(one !== undefined);
  const twin = { ...one, point: `${one.point.slice(0, 31)}${one.point.endsWith("0") ? "1" : "0"}` } as PointState;
  const forged = { machine: log.machine, fold: { ...log.fold, points: log.fold.points.with(twin.point, twin) } };
  const machines = { logs: [forged as unknown as Log], faults: [], warnings: [] };
  const lists = new RegExp(`${one.point}|${twin.point}.*${one.point}|${twin.point}`);
  assert.throws(() => findPoint(machines, one.point.slice(0, 8)), { code: "NAME_AMBIGUOUS", hint: lists });
  assert.equal(findPoint(machines, one.point).point.point, one.point);
});

test("deleted points are found by date where no live one fits, and never by latest", async () => {
  const { bench, log, points } = await web01();
  const [first, , third] = points;
  await deletePoint(log, third?.point ?? first!.point, "test", signal);
  await deletePoint(log, first!.point, "test", signal);
  const machines = await readAll(bench);
  assert.equal(findPoint(machines, "web01").point.point, points[1]?.point);
  assert.equal(findPoint(machines, "web01@2026-11-24").point.point, third?.point);
  assert.equal(findPoint(machines, "web01@2026-11-23").point.point, points[1]?.point);
  assert.equal(findPoint(machines, "web01@2026-11-23", "deleted").point.point, first!.point);
  assert.equal(findPoint(machines, third?.point ?? "").point.point, third?.point, "an id finds it all the same");
  await deletePoint(log, points[1]!.point, "test", signal);
  const none = await readAll(bench);
  assert.throws(() => findPoint(none, "web01"), { code: "NAME_UNKNOWN", hint: /--deleted/ });
});
