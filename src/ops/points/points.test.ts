import assert from "node:assert/strict";
import { test } from "node:test";

import { deletePoint } from "#ops/points/delete-points.ts";
import { diffPoints } from "#ops/points/diff-points.ts";
import { nameOfPoint } from "#ops/points/find-point.ts";
import { listPoints } from "#ops/points/points.ts";
import { upcomingDepartures } from "#ops/points/upcoming-departures.ts";
import { confirmClock } from "#ops/prune/confirm-clock.ts";
import { ruleDeletions } from "#ops/prune/prune-decisions.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { backUp, BENCH_BLOCK_BYTES as BLOCK, VaultBench } from "#testing/vaults/vault-bench.ts";

const { signal } = new AbortController();

test("points are listed newest first, each with why it is kept and until when", async () => {
  const bench = new VaultBench("list");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition], { keep: "daily=2" });
  const vault = bench.vault();
  for (const day of ["21", "22", "23"]) {
    bench.clock.now = Temporal.Instant.from(`2026-11-${day}T14:05:00Z`);
    await backUp(vault, log, definition, memoryDisk(new Uint8Array([1])));
  }
  const listed = listPoints(log, "live", bench.clock.now);
  const fates = listed.map(({ name, fate }) => [
    name,
    fate.kind === "kept" ? fate.reasons.join(", ") : "",
    fate.until.toString(),
  ]);
  assert.deepEqual(fates, [
    ["web01@2026-11-23T14:05", "newest, daily 1 of 2 (2026-11-23)", "2026-11-25"],
    ["web01@2026-11-22T14:05", "daily 2 of 2 (2026-11-22)", "2026-11-24"],
    ["web01@2026-11-21T14:05", "", "2026-11-23"],
  ]);
});

test("the point that was logged last stays though its clock was behind, as it does in a prune, until the next one", async () => {
  const bench = new VaultBench("behind");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition], { keep: "last=1" });
  const vault = bench.vault();
  for (const day of ["23", "20"]) {
    bench.clock.now = Temporal.Instant.from(`2026-11-${day}T14:05:00Z`);
    await backUp(vault, log, definition, memoryDisk(new Uint8Array([1])));
  }
  const now = Temporal.Instant.from("2026-11-23T15:05:00Z");
  await confirmClock(log, now, signal);
  const [, behind] = listPoints(log, "live", now);
  assert.equal(behind?.name, "web01@2026-11-20T14:05");
  assert.deepEqual(behind?.fate, {
    kind: "kept",
    reasons: ["logged last"],
    until: Temporal.PlainDate.from("2026-11-24"),
  });
  assert.deepEqual(ruleDeletions(log.fold, now), []);
});

test("a deleted point is listed apart, with when it goes", async () => {
  const bench = new VaultBench("deleted");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const { point } = await backUp(vault, log, definition, memoryDisk(new Uint8Array([1])));
  await deletePoint(log, point.point, "asked for", signal);
  assert.deepEqual(listPoints(log, "live", bench.clock.now), []);
  const [deleted] = listPoints(log, "deleted", bench.clock.now);
  assert.equal(deleted?.state.point, point.point);
  assert.equal(deleted?.fate.until.toString(), "2026-12-07T14:05:00Z");
});

test("a diff names the changed ranges of each disk, and disks that came or went", async () => {
  const bench = new VaultBench("diff");
  const disks = [bench.disk("root", 1)] as const;
  const log = await bench.createMachine(disks);
  const vault = bench.vault();
  const content = seededRandom("diff content")(10 * BLOCK + 7);
  const first = await backUp(vault, log, disks[0], memoryDisk(content));
  content[BLOCK] = (content[BLOCK] ?? 0) ^ 1;
  content[10 * BLOCK + 1] = (content[10 * BLOCK + 1] ?? 0) ^ 1;
  const second = await backUp(vault, log, disks[0], memoryDisk(content));
  const named = ({ point }: typeof first) => ({ log, point, name: nameOfPoint(log, point) });
  const [root] = await diffPoints(vault, named(first), named(second), signal);
  assert.deepEqual(root?.ranges, [
    { offsetBytes: BLOCK, lengthBytes: BLOCK },
    { offsetBytes: 10 * BLOCK, lengthBytes: 7 },
  ]);
  assert.equal(root?.changedBytes, BLOCK + 7);

  const without = { ...named(second), point: { ...second.point, disks: [] } };
  assert.deepEqual(
    (await diffPoints(vault, named(first), without, signal)).map(({ name, to, ranges }) => ({ name, to, ranges })),
    [{ name: "root", to: null, ranges: [] }],
  );
  const [added] = await diffPoints(vault, without, named(second), signal);
  assert.equal(added?.from, null);
  assert.equal(added?.changedBytes, content.length);
});

test("points of two machines cannot be compared", async () => {
  const bench = new VaultBench("two");
  const disks = [bench.disk("a", 1), bench.disk("b", 1)] as const;
  const logs = [
    await bench.createMachine([disks[0]]),
    await bench.createMachine([disks[1]], { name: "db01" }),
  ] as const;
  const vault = bench.vault();
  const points = [];
  for (const [i, log] of logs.entries()) {
    const { point } = await backUp(vault, log, disks[i] ?? disks[0], memoryDisk(new Uint8Array([1])));
    points.push({ log, point, name: nameOfPoint(log, point) });
  }
  const [a, b] = points;
  assert.ok(a !== undefined && b !== undefined);
  await assert.rejects(diffPoints(vault, a, b, signal), { code: "ARGUMENT_INVALID" });
});

test("what is to go comes in the order of its days, deleted points among the others", async () => {
  const bench = new VaultBench("departures");
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition], { keep: "daily=30" });
  const vault = bench.vault();
  const points = [];
  for (const day of ["21", "22", "23"]) {
    bench.clock.now = Temporal.Instant.from(`2026-11-${day}T14:05:00Z`);
    points.push((await backUp(vault, log, definition, memoryDisk(new Uint8Array([1])))).point);
  }
  await deletePoint(log, points[1]!.point, "test", signal);
  const departures = upcomingDepartures(log, bench.clock.now).map(({ point, what, on }) => [
    point,
    what,
    on.toString(),
  ]);
  assert.deepEqual(departures, [
    [points[1]!.point, "purge", "2026-12-07"],
    [points[0]!.point, "rule", "2026-12-22"],
    [points[2]!.point, "rule", "2026-12-23"],
  ]);
});
