import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { check } from "#ops/check/check.ts";
import type { CheckOptions, CheckResult } from "#ops/check/check.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { memoryStore } from "#store/memory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { badSectorStore } from "#testing/stores/bad-sector-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";
import { interrupted } from "#testing/stores/interrupted.ts";
import { alter, flip, keysOf } from "#testing/vaults/damage.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";
import { backUp, BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { bytesGoodAt, wholeChecks } from "#vault/healing/bytes-good.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

const whole: Partial<CheckOptions> = { readData: { part: 1, of: 1 } };
const isData = (key: string): boolean => key.includes("/data/");
const isNode = (key: string): boolean => key.includes("/nodes/");

function checkNow(
  bench: MaintenanceBench,
  more: Partial<CheckOptions> = {},
  vault = bench.vault,
): Promise<CheckResult> {
  const options = { point: null, readData: null, record: true, repair: true, progress: () => undefined, ...more };
  return check(vault, bench.log, options, bench.signal);
}

test("a sound vault is ok, and the parts of its data are all of it, each block once", async () => {
  const bench = await MaintenanceBench.make("sound", 100);
  await bench.backUp();
  bench.change(10, 20);
  await bench.backUp();
  const all = await checkNow(bench, whole);
  assert.deepEqual([all.ok, all.points, all.readBytes], [true, 2, 120 * BLOCK]);
  assert.deepEqual([all.damage, all.copies, all.unread], [[], [], []]);
  let readBytes = 0;
  for (const part of [1, 2, 3]) readBytes += (await checkNow(bench, { readData: { part, of: 3 } })).readBytes;
  assert.equal(readBytes, all.readBytes);
  await assert.rejects(checkNow(bench, { readData: { part: 4, of: 3 } }), { code: "ARGUMENT_INVALID" });
});

test("whatever block is flipped: the check names the bytes and the points that it hurts, and the next backup heals them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(), async (pickObject, pickByte, seed) => {
      const bench = await MaintenanceBench.make(`flip ${seed}`, 60);
      await bench.backUp();
      bench.change(5, 12, 2);
      await bench.backUp();
      const keys = await keysOf(bench.store, isData);
      const key = keys[pickObject % keys.length] ?? "";
      const sizeBytes = (await bench.store.stat(key, bench.signal))?.sizeBytes ?? 0;
      const slots = Math.floor((sizeBytes - BLOCK) / BLOCK);
      await flip(bench.store, key, BLOCK + (pickByte % (slots * BLOCK)));
      const lost: unknown[] = [];
      const found = await checkNow(bench, whole);
      assert.equal(found.ok, false);
      for (const [point, content] of bench.expected) {
        const hurt = found.hurt.find((each) => each.point === point);
        if (hurt === undefined) continue;
        assert.equal(hurt.ranges[0]?.lengthBytes, BLOCK);
        lost.push(content.subarray(hurt.ranges[0].offsetBytes, hurt.ranges[0].offsetBytes + BLOCK));
      }
      // One block was flipped, so every point that is hurt had the same content there, and no other point is.
      assert.equal(found.recordedSlots, 1);
      for (const content of lost) assert.deepEqual(content, lost[0]);
      assert.equal(found.damagedBytes, lost.length * BLOCK);
      assert.deepEqual(found.damage[0]?.points.length, lost.length);
      const known = await checkNow(bench);
      assert.deepEqual([known.ok, known.damage[0]?.known, known.recordedSlots], [false, true, 0]);

      const newest = [...bench.expected.keys()].at(-1);
      const stillThere = found.damage[0]?.points.includes(newest as never) ?? false;
      const { healedSlots } = await bench.backUp();
      assert.equal(healedSlots, stillThere ? 1 : 0);
      assert.equal((await checkNow(bench, whole)).ok, stillThere);
      if (stillThere) assert.deepEqual(await bench.unlike(), []);
    }),
    { numRuns: 8 },
  );
});

test("an object that is missing, cut short or swapped is found without reading the blocks", async () => {
  for (const harm of ["missing", "cut", "swapped"] as const) {
    const bench = await MaintenanceBench.make(`harm ${harm}`, 60);
    const { point } = await bench.backUp();
    const [first = "", second = ""] = await keysOf(bench.store, isData);
    const other = await bench.store.get(second, 1e9, bench.signal);
    if (harm === "missing") await bench.store.delete(first, bench.signal);
    else await alter(bench.store, first, (bytes) => (harm === "cut" ? bytes.subarray(0, -1) : (other ?? bytes)));
    const found = await checkNow(bench);
    assert.deepEqual(found.hurt[0]?.ranges, [{ offsetBytes: 0, lengthBytes: 16 * BLOCK }], harm);
    assert.deepEqual(found.damage[0]?.points, [point.point]);
    const { healedSlots } = await bench.backUp();
    assert.equal(healedSlots, 16);
    assert.equal((await checkNow(bench, whole)).ok, true);
    assert.deepEqual(await bench.unlike(), []);
  }
});

test("a tree node that is lost twice hurts what lies below it, in each point that shares it", async () => {
  const bench = await MaintenanceBench.make("node", 100, { store: memoryStore({ singleDisk: true }) });
  const first = await bench.backUp();
  bench.change(0, 1);
  const second = await bench.backUp();
  const nodes = await keysOf(bench.store, (key) => isNode(key) && key.includes(first.point.session));
  for (const key of nodes) await flip(bench.store, key, BLOCK + 32 * 36 + 8); // the second node of the segment
  const found = await checkNow(bench);
  assert.deepEqual(found.damage[0]?.points, [first.point.point, second.point.point]);
  assert.deepEqual(
    found.hurt.map(({ ranges }) => ranges),
    [1, 2].map(() => [{ offsetBytes: 32 * BLOCK, lengthBytes: 32 * BLOCK }]),
  );
  assert.equal((await checkNow(bench, { point: first.point.point })).hurt.length, 1);
});

test("second copies that are missing are put back, in both directions; a damaged one is replaced", async () => {
  const bench = await MaintenanceBench.make("copies", 100, { store: memoryStore({ singleDisk: true }) });
  await bench.backUp();
  const all = await keysOf(bench.store);
  const twins = all.filter((key) => isNode(key) || key.includes("/points/"));
  for (const copies of [true, false]) {
    const gone = twins.filter((key) => key.startsWith("copies/") === copies);
    for (const key of gone) await bench.store.delete(key, bench.signal);
    const noted = await checkNow(bench, { repair: false });
    assert.deepEqual([noted.ok, noted.damage], [false, []]);
    const found = await checkNow(bench);
    assert.deepEqual(found.copies.map(({ key }) => key).sort(), gone);
    assert.equal(found.ok, true);
    assert.deepEqual(await keysOf(bench.store), all);
  }
  const copy = twins.find((key) => isNode(key) && key.startsWith("copies/")) ?? "";
  await flip(bench.store, copy, BLOCK + 5);
  const found = await checkNow(bench);
  assert.deepEqual(
    found.copies.map(({ key, what, repaired }) => [key, what, repaired]),
    [[copy, "damaged", true]],
  );
  assert.deepEqual([found.ok, found.damage, found.recordedSlots], [true, [], 0]);
  assert.deepEqual((await checkNow(bench)).copies, []);
});

test("a body that is lost is named, and its disks read well", async () => {
  const bench = await MaintenanceBench.make("body", 20);
  const { point } = await bench.backUp();
  const [body = ""] = await keysOf(bench.store, (key) => key.includes("/points/"));
  await flip(bench.store, body, 100);
  const found = await checkNow(bench, whole);
  assert.deepEqual([found.ok, found.damage, found.bodies.map((each) => each.point)], [false, [], [point.point]]);
});

test("a store that does not answer is no damage: nothing is logged, and the check says what went unread", async () => {
  const bench = await MaintenanceBench.make("silent", 60);
  await bench.backUp();
  const [key] = await keysOf(bench.store, isData);
  const seq = bench.log.fold.seq;
  const silent = gatedStore(bench.store, (call) =>
    call.operation === "read" && call.key === key
      ? Promise.reject(new LockstepError("STORE_UNAVAILABLE", "no answer"))
      : Promise.resolve(),
  );
  const found = await checkNow(bench, whole, bench.bench.vault(silent));
  assert.deepEqual([found.ok, found.damage, found.unread], [false, [], ["no answer"]]);
  assert.equal(bench.log.fold.seq, seq);
});

test("blocks on a bad sector are noted where that is wanted, the next backup heals them, and the rest of the segment stays", async () => {
  const bench = await MaintenanceBench.make("bad sector", 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, isData);
  const failing = bench.bench.vault(badSectorStore(bench.store, key, 4096 + 5 * BLOCK + 7));
  const found = await checkNow(bench, { ...whole, unreadIsDamage: true }, failing);
  assert.deepEqual([found.unread, found.recordedSlots, found.damage[0]?.slots], [[], 1, [[5, 1]]]);
  const { healedSlots, point } = await backUp(failing, bench.log, bench.definition, memoryDisk(bench.content));
  bench.expected.set(point.point, bench.content);
  assert.equal(healedSlots, 1);
  assert.equal((await checkNow(bench, whole, failing)).ok, true);
  assert.deepEqual(await bench.unlike(), []);
});

test("an object of which a medium gives nothing is left alone; once it was moved away it is written anew", async () => {
  const bench = await MaintenanceBench.make("bad object", 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, isData);
  const failing = bench.bench.vault(badSectorStore(bench.store, key));
  assert.ok((await checkNow(bench, { ...whole, unreadIsDamage: true }, failing)).recordedSlots > 1);
  const { healedSlots, warnings } = await backUp(failing, bench.log, bench.definition, memoryDisk(bench.content));
  assert.equal(healedSlots, 0);
  assert.match(warnings.join(), /was not healed: the store gives no answer/);
  await bench.store.delete(key, bench.signal);
  await backUp(bench.vault, bench.log, bench.definition, memoryDisk(bench.content));
  assert.equal((await checkNow(bench, whole)).ok, true);
});

test("where one slot is noted and then nothing answers, the slots that nobody noted stay", async () => {
  const bench = await MaintenanceBench.make("one noted", 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, isData);
  const failing = bench.bench.vault(badSectorStore(bench.store, key, 4096 + 5 * BLOCK + 7));
  await checkNow(bench, { ...whole, unreadIsDamage: true }, failing);
  const silent = bench.bench.vault(badSectorStore(bench.store, key));
  const { point } = await backUp(silent, bench.log, bench.definition, memoryDisk(bench.content));
  bench.expected.set(point.point, bench.content);
  await bench.prune({}, silent);
  assert.deepEqual(await bench.unlike(), []);
});

test("what was noted while a store did not answer is not given up while it still does not, and reads again later", async () => {
  const bench = await MaintenanceBench.make("outage", 60);
  const { point: first } = await bench.backUp();
  const [key = ""] = await keysOf(bench.store, isData);
  const silent = bench.bench.vault(badSectorStore(bench.store, key));
  await checkNow(bench, { ...whole, unreadIsDamage: true }, silent);
  bench.change(1, 59); // so the disk still has the first block only
  const { point, warnings } = await backUp(silent, bench.log, bench.definition, memoryDisk(bench.content));
  bench.expected.set(point.point, bench.content);
  assert.match(warnings.join(), /was not healed: the store gives no answer/);
  await bench.prune({}, silent);
  assert.ok(bench.log.fold.points.has(first.point));
  assert.deepEqual(await bench.unlike(), []);
});

test("what a prune takes away under a running check is no damage", async () => {
  for (let at = 0, hit = true; hit; at += 2) {
    const bench = await MaintenanceBench.make(`purged ${at}`, 40);
    const { point } = await bench.backUp();
    bench.change(2, 37);
    await bench.backUp();
    await deletePoint(bench.log, point.point, "test", bench.signal);
    await bench.pass(15);
    let calls = 0;
    const gate = async (_call: StoreCall): Promise<void> => {
      if (calls++ !== at) return;
      const vault = bench.bench.vault();
      await bench.prune({}, vault, await bench.bench.log(vault, bench.log));
    };
    const vault = bench.bench.vault(gatedStore(bench.store, gate));
    const log = await bench.bench.log(bench.bench.vault(), bench.log);
    const options = {
      point: null,
      readData: { part: 1, of: 1 },
      record: true,
      repair: true,
      progress: () => undefined,
    };
    const found = await check({ ...vault }, log, options, bench.signal);
    hit = calls > at;
    assert.deepEqual([found.damage, found.bodies, found.ok], [[], [], true], `prune at call ${at}`);
  }
});

test("tree nodes that get a new generation under a running check are read from that", async () => {
  const bench = await MaintenanceBench.make("nodes move", 320);
  const { point } = await bench.backUp();
  bench.change(0, 288);
  await bench.backUp();
  await deletePoint(bench.log, point.point, "test", bench.signal);
  await bench.pass(15);
  const old = `/nodes/${point.session}`;
  const moves = ({ operation, key }: StoreCall): boolean => operation === "get" && key.includes(old);
  const store = interrupted(bench.store, 1, moves, async () => {
    const { vault } = bench;
    await bench.prune({}, vault, await bench.bench.log(vault, bench.log));
  });
  const [before = ""] = await keysOf(bench.store, (key) => key.includes(old));
  assert.deepEqual((await checkNow(bench, whole, bench.bench.vault(store))).damage, []);
  assert.equal(await bench.store.stat(before, bench.signal), null);
  assert.equal((await keysOf(bench.store, (key) => key.includes(old))).length, 1);
});

test("a vault that may only be read is checked all the same, and the result says that nothing was logged", async () => {
  const bench = await MaintenanceBench.make("read only", 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, isData);
  await flip(bench.store, key, BLOCK);
  const readOnly = gatedStore(bench.store, (call) =>
    call.operation === "put" ? Promise.reject(new LockstepError("STORE_DENIED", "may not")) : Promise.resolve(),
  );
  const vault = bench.bench.vault(readOnly);
  const log = await bench.bench.log(vault, bench.log);
  const options = { point: null, readData: { part: 1, of: 1 }, record: true, repair: true, progress: () => undefined };
  const found = await check(vault, log, options, bench.signal);
  assert.deepEqual([found.damagedBytes, found.recordedSlots], [BLOCK, 0]);
  assert.match(found.warnings[0] ?? "", /could not be logged.*may not/);
});

/** When the bytes of the newest point were last found good. */
function goodAt({ log }: MaintenanceBench): string {
  const [newest] = [...log.fold.points.values()].sort((a, b) => b.seq - a.seq);
  assert.ok(newest !== undefined);
  return bytesGoodAt(newest, wholeChecks(log.fold)).toString();
}

test("the log knows when all bytes were last read and found good: in one go, or part by part", async () => {
  const bench = await MaintenanceBench.make("known good", 60);
  await bench.backUp();
  const taken = goodAt(bench);
  await bench.pass(1);
  const { seq } = bench.log.fold;
  await checkNow(bench);
  await checkNow(bench, { ...whole, record: false });
  assert.deepEqual([bench.log.fold.seq, goodAt(bench)], [seq, taken], "nothing new to say, or nothing may be said");
  await checkNow(bench, { readData: { part: 1, of: 2 } });
  assert.equal(goodAt(bench), taken);
  const first = bench.bench.clock.now.toString();
  await bench.pass(1);
  await checkNow(bench, { readData: { part: 2, of: 2 } });
  assert.equal(goodAt(bench), first);
  await checkNow(bench, whole);
  assert.equal(goodAt(bench), bench.bench.clock.now.toString());
});

test("the log knows which points damage hurts, and that it hurts them no more", async () => {
  const bench = await MaintenanceBench.make("known hurt", 60);
  const { point: old } = await bench.backUp();
  bench.change(0, 60);
  const { point: newer } = await bench.backUp();
  const hurt = (): readonly boolean[] =>
    [old, newer].map(({ point }) => bench.log.fold.points.get(point)?.hurt === true);
  const [key = ""] = await keysOf(bench.store, (each) => each.includes(`/data/${newer.session}`));
  await flip(bench.store, key, BLOCK);
  await checkNow(bench, { ...whole, point: old.point });
  assert.deepEqual(hurt(), [false, false]);
  await checkNow(bench, whole);
  assert.deepEqual(hurt(), [false, true]);
  await bench.backUp();
  await checkNow(bench);
  assert.deepEqual(hurt(), [false, false]);
});

test("a check of which the store gave no answer for something says of no bytes that they are good", async () => {
  const bench = await MaintenanceBench.make("no answer", 60);
  await bench.backUp();
  const taken = goodAt(bench);
  await bench.pass(1);
  const [key = ""] = await keysOf(bench.store, isData);
  const vault = { ...bench.vault, store: badSectorStore(bench.store, key) };
  assert.equal((await checkNow(bench, whole, vault)).ok, false);
  assert.equal(goodAt(bench), taken);
});

test("an entry of the log that is lost is noticed, also where a summary stands for it; one with a second copy is put back", async () => {
  for (const singleDisk of [false, true]) {
    const bench = await MaintenanceBench.make("lost entry", 20, { store: memoryStore({ singleDisk }) });
    await bench.backUp();
    await bench.store.delete(objectKeys.logEntry(bench.log.machine, 2), bench.signal);
    const found = await checkNow(bench);
    assert.equal(found.ok, singleDisk);
    if (singleDisk)
      assert.deepEqual(
        found.copies.map(({ what, repaired }) => [what, repaired]),
        [["missing", true]],
      );
    else assert.match(found.warnings.join(), /^entry 2 of the log is lost: .* is missing$/);
  }
});

test("damage that a part shows hurts its points alone: for the others the parts are read", async () => {
  const bench = await MaintenanceBench.make("parts with damage", 60);
  const { point: old } = await bench.backUp();
  bench.change(0, 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes(`/data/${old.session}`));
  await flip(bench.store, key, BLOCK);
  await bench.pass(1);
  const first = bench.bench.clock.now.toString();
  for (const part of [1, 2]) await checkNow(bench, { readData: { part, of: 2 } });
  assert.equal(bench.log.fold.points.get(old.point)?.hurt, true);
  assert.equal(goodAt(bench), first);
});
