import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { backup } from "#ops/backup/backup.ts";
import { check } from "#ops/check/check.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import type { PruneStep } from "#ops/prune/prune.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { alter, flip, keysOf } from "#testing/vaults/damage.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";
import { backUp, BENCH_BLOCK_BYTES as BLOCK, benchSource } from "#testing/vaults/vault-bench.ts";
import { benchBackupOptions } from "#testing/vaults/vault-bench.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";

async function sizeOf(bench: MaintenanceBench): Promise<number> {
  let bytes = 0;
  for (const prefix of ["machines/", "copies/machines/"]) {
    for await (const { key, sizeBytes } of bench.store.list(prefix, {}, bench.signal)) {
      if (!key.includes("/log/") && !key.includes("/summaries/")) bytes += sizeBytes;
    }
  }
  return bytes;
}

test("whatever was backed up and deleted: a prune frees what the dry run says, the next finds nothing, and all points read back", async () => {
  const step = fc.record({ first: fc.nat(60), count: fc.integer({ min: 1, max: 40 }), gone: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.nat(),
      async (steps, singleDisk, seed) => {
        const bench = await MaintenanceBench.make(`prune ${seed}`, 100, { store: memoryStore({ singleDisk }) });
        for (const { first, count, gone } of steps) {
          bench.change(first, count);
          const { point } = await bench.backUp();
          if (gone) await deletePoint(bench.log, point.point, "test", bench.signal);
        }
        await bench.pass(15);
        const before = await sizeOf(bench);
        const keys = await keysOf(bench.store);
        const foreseen = await bench.prune({ dryRun: true });
        assert.deepEqual(await keysOf(bench.store), keys);
        const done = await bench.prune();
        assert.deepEqual({ ...done, summaries: 0 }, { ...foreseen, summaries: 0 });
        assert.equal(before - (await sizeOf(bench)), done.swept.bytes + done.rewritten.freedBytes);
        assert.equal(done.purged.length, steps.filter(({ gone }) => gone).length);
        const again = await bench.prune();
        assert.deepEqual([again.swept.objects, again.rewritten.segments, again.purged], [0, 0, []]);
        assert.deepEqual(await bench.unlike(), []);
        if (steps.every(({ gone }) => gone)) assert.equal(await sizeOf(bench), 0);
      },
    ),
    { numRuns: 10 },
  );
});

/** Takes a point and deletes it; after 15 days its blocks, all but a few of them, are dead. */
async function withDeletedPoint(seed: string, more: { keep?: string; singleDisk?: boolean } = {}) {
  const { singleDisk = false, keep = "" } = more;
  const bench = await MaintenanceBench.make(seed, 100, { store: memoryStore({ singleDisk }), keep });
  const { point } = await bench.backUp();
  bench.change(2, 97);
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(15);
  return { bench, point };
}

test("whole dead segments go, mostly dead ones shrink, and second copies with them", async () => {
  for (const singleDisk of [false, true]) {
    const { bench } = await withDeletedPoint(`mostly ${singleDisk}`, { singleDisk });
    const before = await sizeOf(bench);
    const steps: PruneStep[] = [];
    const { swept, rewritten } = await bench.prune({ progress: (step) => steps.push(step) });
    assert.deepEqual([...new Set(steps.map(({ phase }) => phase))], ["mark", "sweep", "rewrite"]);
    assert.deepEqual(steps.at(-1), { phase: "rewrite", done: rewritten.segments, of: rewritten.segments });
    assert.ok(rewritten.segments >= 2, "the first and the last segment keep a few blocks");
    assert.ok(swept.bytes + rewritten.freedBytes > 95 * BLOCK && before - (await sizeOf(bench)) > 95 * BLOCK);
    assert.deepEqual(await bench.unlike(), []);
  }
});

test("a deleted point is kept whole for 14 days, and no longer", async () => {
  const bench = await MaintenanceBench.make("fortnight", 40);
  const { point } = await bench.backUp();
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(13.9);
  const early = await bench.prune();
  assert.deepEqual([early.purged, early.swept.objects], [[], 0]);
  assert.equal(bench.log.fold.points.size, 2);
  await bench.pass(0.2);
  assert.deepEqual(
    (await bench.prune()).purged.map((each) => each.point),
    [point.point],
  );
});

test("the keep rule deletes what it does not keep, and the points stay until they are purged", async () => {
  const bench = await MaintenanceBench.make("rule", 40, { keep: "last=2" });
  const points = [];
  for (let day = 0; day < 5; day++) {
    bench.change(day, 1);
    points.push((await bench.backUp()).point.point);
    await bench.pass(1);
  }
  const foreseen = await bench.prune({ dryRun: true });
  const { deleted } = await bench.prune();
  assert.deepEqual(
    deleted.map(({ point }) => point),
    points.slice(0, 3),
  );
  assert.deepEqual(deleted, foreseen.deleted);
  assert.match(deleted[0]?.reason ?? "", /last=2/);
  assert.equal(bench.log.fold.points.size, 5);
  assert.deepEqual(await bench.unlike(), []);
});

test("a rule never leaves torn points only", async () => {
  const bench = await MaintenanceBench.make("torn", 20, { keep: "last=1" });
  const whole = await bench.backUp();
  const torn = { ...memoryDisk(bench.content), written: "its counter moved" };
  await backUp(bench.vault, bench.log, bench.definition, torn, { tornOk: true });
  assert.deepEqual((await bench.prune()).deleted, []);
  assert.equal(bench.log.fold.points.get(whole.point.point)?.deleted, null);
});

test("a clock years ahead deletes and purges nothing, and dead objects go all the same", async () => {
  const bench = await MaintenanceBench.make("ahead", 40, { keep: "last=1" });
  const { point } = await bench.backUp();
  const cut = memoryDisk(seededRandom("other")(40 * BLOCK), {
    unreadable: [{ offsetBytes: 39 * BLOCK, lengthBytes: 1 }],
  });
  await assert.rejects(backUp(bench.vault, bench.log, bench.definition, cut), { code: "DISK_UNREADABLE" });
  await bench.backUp();
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  bench.bench.clock.now = bench.bench.clock.now.add({ hours: 24 * 1000 });
  const foreseen = await bench.prune({ dryRun: true });
  const done = await bench.prune();
  for (const { deleted, purged, warnings } of [foreseen, done]) {
    assert.deepEqual([deleted, purged], [[], []]);
    assert.match(warnings.join(), /CLOCK_DOUBTFUL: the clock is 1000 days/);
  }
  assert.equal(done.swept.objects, foreseen.swept.objects);
  bench.bench.clock.now = bench.bench.clock.now.subtract({ hours: 24 * 999 });
  const later = await bench.prune();
  assert.match(later.warnings.join(), /no person has confirmed/);
  assert.equal(bench.log.fold.points.size, 3);
});

test("a store that lets nothing be deleted is said so once; the points are decided all the same, and a later prune frees it all", async () => {
  const { bench } = await withDeletedPoint("append only");
  const before = await keysOf(bench.store, (key) => key.includes("/disks/"));
  const vault = bench.bench.vault(appendOnlyStore(bench.store));
  const first = await bench.prune({}, vault, await bench.bench.log(vault, bench.log));
  assert.deepEqual([first.purged.length, first.swept.objects, first.rewritten.segments], [1, 0, 0]);
  assert.ok(first.leftBytes > 70 * BLOCK);
  assert.equal(first.warnings.filter((warning) => warning.includes("not allowed")).length, 1);
  assert.deepEqual(await keysOf(bench.store, (key) => key.includes("/disks/")), before);
  const second = await bench.prune({}, bench.vault, await bench.bench.log(bench.vault, bench.log));
  assert.ok(second.swept.bytes >= first.leftBytes);
  assert.deepEqual(await bench.unlike(), []);
});

test("a full store is freed though there is no room to open the session", async () => {
  const { bench } = await withDeletedPoint("full");
  const vault = bench.bench.vault(appendOnlyStore(bench.store));
  await bench.prune({}, vault, await bench.bench.log(vault, bench.log));
  let isFull = true;
  const full = gatedStore(bench.store, async ({ operation }) => {
    await Promise.resolve();
    if (operation === "delete") isFull = false;
    if (operation === "put" && isFull) throw new LockstepError("STORE_FULL", "no room");
  });
  const cramped = bench.bench.vault(full);
  const { swept } = await bench.prune({}, cramped, await bench.bench.log(cramped, bench.log));
  assert.ok(swept.bytes > 70 * BLOCK);
  assert.deepEqual(await bench.unlike(), []);
});

test("a tree that cannot be read stops the collection of that disk, and of no other", async () => {
  const bench = await MaintenanceBench.make("tree", 100);
  const other: DiskDefinition = bench.bench.disk("sdb", 1);
  const { machine } = bench.log.fold;
  await bench.log.append(
    () => ({ type: "machine", machine: { ...machine, disks: [...machine.disks, other] } }),
    bench.signal,
  );
  const random = seededRandom("two disks");
  const take = async () => {
    const sources = [
      benchSource(bench.definition, memoryDisk(random(100 * BLOCK))),
      benchSource(other, memoryDisk(random(100 * BLOCK))),
    ];
    return (await backup(bench.vault, bench.log, sources, benchBackupOptions, bench.signal)).point;
  };
  const first = await take();
  const second = await take();
  await deletePoint(bench.log, first.point, "test", bench.signal);
  await bench.pass(15);
  const [node = ""] = await keysOf(
    bench.store,
    (key) => key.includes(`${bench.definition.id}/nodes/${second.session}`) && !key.startsWith("copies/"),
  );
  await flip(bench.store, node, BLOCK);
  const ofDisk = (disk: DiskDefinition) => keysOf(bench.store, (key) => key.includes(disk.id));
  const before = [await ofDisk(bench.definition), await ofDisk(other)] as const;
  const { unreadable, warnings } = await bench.prune();
  assert.deepEqual(
    unreadable.map(({ disk }) => disk),
    [bench.definition.id],
  );
  assert.match(warnings.join(), /nothing of the disk was removed/);
  assert.deepEqual(await ofDisk(bench.definition), before[0]);
  assert.ok((await ofDisk(other)).length < before[1].length);
});

test("a segment of which only a part is reached through nodes that can be read is not rewritten", async () => {
  const bench = await MaintenanceBench.make("half seen", 64);
  await bench.backUp();
  bench.change(28, 16); // one segment: four blocks below the first leaf, twelve below the second
  const { point } = await bench.backUp();
  const [node = ""] = await keysOf(bench.store, (key) => key.includes(`/nodes/${point.session}`));
  const whole = await bench.store.get(node, 1e9, bench.signal);
  await flip(bench.store, node, BLOCK + 32 * 36 + 8 + 5); // the second leaf
  const { unreadable, rewritten } = await bench.prune();
  assert.deepEqual([unreadable.length, rewritten.segments], [1, 0]);
  await alter(bench.store, node, () => whole ?? new Uint8Array());
  assert.deepEqual(await bench.unlike(), []);
});

test("what a removed disk left goes with its last point", async () => {
  const bench = await MaintenanceBench.make("removed disk", 40);
  const { point } = await bench.backUp();
  const { machine } = bench.log.fold;
  const removedAt = bench.bench.clock.now.toString();
  const disks = machine.disks.map((disk) => ({ ...disk, removedAt }));
  await bench.log.append(() => ({ type: "machine", machine: { ...machine, disks } }), bench.signal);
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(15);
  await bench.prune();
  assert.deepEqual(await keysOf(bench.store, (key) => key.includes("/disks/") || key.includes("/points/")), []);
});

test("objects that no Lockstep writes are left alone and named", async () => {
  const { bench } = await withDeletedPoint("unknown");
  const strange = `machines/${bench.log.machine}/disks/${bench.definition.id}/data/notes.txt`;
  await bench.store.put(strange, [new Uint8Array(9)], {}, bench.signal);
  const { unknown } = await bench.prune();
  assert.deepEqual(unknown, [strange]);
  assert.ok(await bench.store.stat(strange, bench.signal));
});

test("summaries that nobody needs any more go, but for the two newest", async () => {
  const { bench } = await withDeletedPoint("summaries");
  for (let i = 0; i < 300; i++) {
    await bench.log.append((fold) => ({ type: "machine", machine: fold.machine }), bench.signal);
  }
  const { summaries } = await bench.prune();
  assert.ok(summaries >= 2);
  assert.equal((await keysOf(bench.store, (key) => key.includes("/summaries/"))).length, 2);
  assert.deepEqual(await bench.unlike(), []);
});

test("a mostly dead segment with a block that cannot be read is left alone, unless the log calls it damaged", async () => {
  const { bench } = await withDeletedPoint("unreadable block");
  const [key = ""] = await keysOf(bench.store, (each) => each.includes("/data/"));
  await flip(bench.store, key, BLOCK + 7);
  const first = await bench.prune();
  assert.equal(first.leftAlone.length, 1);
  assert.ok(await bench.store.stat(key, bench.signal));
  const segment = first.leftAlone[0]?.ref.segment as never;
  const items = [{ kind: "data", segment, generation: "0" as never, slots: [[0, 1]] as const }] as const;
  await bench.log.append(() => ({ type: "damaged", disk: bench.definition.id, items }), bench.signal);
  const second = await bench.prune();
  assert.deepEqual([second.leftAlone, second.rewritten.segments], [[], 1]);
  assert.equal(await bench.store.stat(key, bench.signal), null);
  assert.equal(bench.log.fold.damaged.size, 1);
});

test("damage of what no point needs any more is forgotten with it, and generations are", async () => {
  const bench = await MaintenanceBench.make("forgotten", 40);
  const { point } = await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  bench.change(0, 40);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes(`/data/${point.session}`));
  await flip(bench.store, key, 4100);
  const options = { point: null, readData: { part: 1, of: 1 }, repair: false, record: true, progress: () => undefined };
  assert.equal((await check(bench.vault, bench.log, options, bench.signal)).recordedSlots, 1);
  await bench.prune();
  assert.equal(bench.log.fold.damaged.size, 1);

  await bench.pass(15);
  await bench.prune();
  assert.deepEqual([bench.log.fold.damaged.size, bench.log.fold.generations.size], [0, 0]);
  const entries = bench.log.fold.seq;
  await bench.prune();
  assert.equal(bench.log.fold.seq, entries + 2, "opened and closed, and nothing to forget");
  assert.deepEqual(await bench.unlike(), []);
});

test("damage stays known while a deleted point may still come back, and while the tree that shows what is needed cannot be read", async () => {
  const bench = await MaintenanceBench.make("not forgotten", 40);
  const { point } = await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes("/nodes/"));
  await flip(bench.store, key, 4100);
  const options = { point: null, readData: null, repair: false, record: true, progress: () => undefined };
  await check(bench.vault, bench.log, options, bench.signal);
  assert.equal(bench.log.fold.damaged.size, 1);
  await bench.prune();
  assert.equal(bench.log.fold.damaged.size, 1);
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.prune();
  assert.equal(bench.log.fold.damaged.size, 1);
});
