import assert from "node:assert/strict";
import { test } from "node:test";

import { pointLights } from "#ops/points/point-light.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { LogBench, firstSegment, must } from "#testing/vaults/log-bench.ts";
import type { Log } from "#vault/log/log.ts";
import { firstGeneration } from "#vault/object/ids.ts";
import type { PointId } from "#vault/object/ids.ts";

function light(bench: LogBench, log: Log, point: PointId): PointLight {
  const state = log.fold.points.get(point);
  assert.ok(state !== undefined);
  return pointLights(log.fold, bench.now)(state);
}

const codes = ({ reasons }: PointLight): readonly string[] => reasons.map(({ code }) => code);

/** A point with one encrypted volume; `volumesDraft` says that volume 2 could not be looked at, which is taken out. */
async function encrypted(seed: string) {
  const bench = new LogBench(seed);
  const log = await bench.create();
  const point = await bench.point(log);
  const draft = bench.volumesDraft(point, "a".repeat(64));
  const items = draft.items.map((item) => ({ ...item, disks: item.disks.map((disk) => ({ ...disk, unknown: [] })) }));
  await must(log, { ...draft, items });
  return { bench, log, point };
}

test("a point of which nobody logged what is encrypted is not called plain", async () => {
  const bench = new LogBench("not logged");
  const log = await bench.create();
  const point = await bench.point(log);
  assert.deepEqual([light(bench, log, point).light, codes(light(bench, log, point))], ["amber", ["NOT_KNOWN"]]);
});

test("a volume that could not be looked at keeps a point amber, by its name", async () => {
  const bench = new LogBench("unknown");
  const log = await bench.create();
  const point = await bench.point(log);
  await must(log, bench.volumesDraft(point, "a".repeat(64)));
  await must(log, bench.verdictDraft(point));
  const found = light(bench, log, point);
  assert.deepEqual([found.light, codes(found)], ["amber", ["NOT_KNOWN"]]);
  assert.match(found.reasons[0]?.words ?? "", /disk disk, volume 2/);
});

test("verdicts give the light, the versions and the date, by the log alone", async () => {
  const { bench, log, point } = await encrypted("verdicts");
  assert.deepEqual(codes(light(bench, log, point)), ["NOT_TRIED"]);
  await must(log, bench.verdictDraft(point));
  const found = light(bench, log, point);
  assert.deepEqual([found.light, found.versions, found.openedAt], ["green", ["web01/v1"], bench.now]);
});

test("what was derived long before it was stated was carried over, and what was found at once was not", async () => {
  const { bench, log, point } = await encrypted("carried over");
  const state = async (verdict: string, minutes: number): Promise<boolean> => {
    await must(log, bench.verdictDraft(point, { verdict, derivedAt: bench.now.subtract({ minutes }).toString() }));
    return light(bench, log, point).carriedOver;
  };
  assert.equal(light(bench, log, point).carriedOver, false);
  assert.equal(await state("reads", 2), false);
  assert.equal(await state("opens", 3), true);
  assert.equal(await state("rejected", 3), false, "it says nothing of another point");
});

test("a verdict in a word of a later program is no verdict", async () => {
  const { bench, log, point } = await encrypted("later");
  await must(log, bench.verdictDraft(point, { verdict: "sings" }));
  assert.deepEqual(codes(light(bench, log, point)), ["NOT_TRIED"]);
});

test("a point that a check found hurt is red as long as the log calls a part of its disk damaged", async () => {
  const { bench, log, point } = await encrypted("hurt");
  await must(log, bench.verdictDraft(point));
  const { session } = log.fold.points.get(point) ?? assert.fail();
  const segment = firstSegment(session);
  await must(log, bench.damagedDraft(segment, 3));
  assert.equal(light(bench, log, point).light, "green", "nobody has said whom it hurts");
  const startedAt = bench.now.toString();
  const finding = { points: null, upTo: log.fold.seq, part: null, startedAt, hurt: [point] };
  await must(log, { type: "checked", compatible: true, ...finding });
  assert.deepEqual(codes(light(bench, log, point)), ["BYTES_DAMAGED"]);
  const { id } = await bench.session(log, "maintenance");
  await must(log, bench.replacedDraft(id, segment, firstGeneration, [3]).draft);
  assert.equal(light(bench, log, point).light, "green");
});

test("bytes that nobody checked for long keep a point amber", async () => {
  const { bench, log, point } = await encrypted("unchecked");
  bench.now = bench.now.add({ hours: 24 * 31 });
  await must(log, bench.verdictDraft(point));
  assert.deepEqual(codes(light(bench, log, point)), ["BYTES_NOT_CHECKED"]);
});

test("a volume that was encrypted in an earlier point and has no header that can be read is red, unless it was plain in between", async () => {
  const bench = new LogBench("lost header");
  const log = await bench.create();
  const points: PointId[] = [];
  const [found] = bench.volumesDraft(await bench.point(log), "a".repeat(64)).items[0]?.disks ?? [];
  assert.ok(found !== undefined);
  const encrypted = { ...found, unknown: [] };
  const lost = { ...found, encrypted: [], unknown: ["1"] };
  const plain = { ...found, encrypted: [], unknown: [] };
  const unseen = { ...found, encrypted: null, unknown: [] };
  for (const disk of [encrypted, lost, unseen, lost, plain, lost]) {
    const point = await bench.point(log);
    await must(log, { type: "volumes", compatible: true, items: [{ point, disks: [disk] }] });
    points.push(point);
  }
  const [red, amber] = ["HEADER_DAMAGED", "NOT_KNOWN"];
  const said = points.map((point) => codes(light(bench, log, point)).join());
  assert.deepEqual(said, ["NOT_TRIED", red, amber, red, "", amber]);
  const { reasons } = light(bench, log, points[1] ?? assert.fail());
  assert.match(reasons[0]?.words ?? "", /^disk disk, volume 1 was encrypted in an earlier point/);
});
