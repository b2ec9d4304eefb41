import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { check } from "#ops/check/check.ts";
import type { CheckOptions, CheckResult } from "#ops/check/check.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import type { StoreCall } from "#testing/stores/intercepted-store.ts";
import { interrupted, isLogPut } from "#testing/stores/interrupted.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { MaintenanceBench } from "#testing/vaults/maintenance-bench.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { openSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";
import type { Vault } from "#vault/vault.ts";

const whole: Partial<CheckOptions> = { readData: { part: 1, of: 1 } };

function checkNow(
  bench: MaintenanceBench,
  more: Partial<CheckOptions> = {},
  { vault, signal }: { readonly vault?: Vault; readonly signal?: AbortSignal } = {},
): Promise<CheckResult> {
  const options = { point: null, readData: null, record: true, repair: true, progress: () => undefined, ...more };
  return check(vault ?? bench.vault, bench.log, options, signal ?? bench.signal);
}

test("what was put right in the store behind our back is written anew, and no check calls it damaged again", async () => {
  const bench = await MaintenanceBench.make("put right", 60);
  const { point } = await bench.backUp();
  bench.change(0, 60); // no later backup has these blocks
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes(`/data/${point.session}`));
  await flip(bench.store, key, BLOCK);
  await checkNow(bench, whole);
  await flip(bench.store, key, BLOCK);
  await checkNow(bench, { ...whole, repair: false });
  assert.equal((await checkNow(bench)).hurt.length, 1, "a check that writes nothing anew leaves the mark");
  const found = await checkNow(bench, whole);
  assert.deepEqual([found.ok, found.readable.length, found.healedSlots], [true, 1, 1]);
  assert.deepEqual([bench.log.fold.damaged.size, bench.log.fold.maintenance], [0, null]);
  const later = await checkNow(bench);
  assert.deepEqual([later.ok, later.hurt, bench.log.fold.points.get(point.point)?.hurt], [true, [], false]);
  await bench.prune();
  assert.deepEqual(await bench.unlike(), []);
});

test("an object that is put right in steps loses nothing on the way: it is written anew when all of it reads well", async () => {
  const bench = await MaintenanceBench.make("put right in steps", 60);
  const { point } = await bench.backUp();
  bench.change(0, 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes(`/data/${point.session}`));
  const places = [BLOCK, 3 * BLOCK];
  for (const at of places) await flip(bench.store, key, at);
  assert.equal((await checkNow(bench, whole)).recordedSlots, 2);
  const counts: number[] = [];
  for (const at of places) {
    await flip(bench.store, key, at);
    counts.push((await checkNow(bench, whole)).healedSlots);
  }
  assert.deepEqual(counts, [0, 2]);
  await bench.prune();
  assert.deepEqual(await bench.unlike(), []);
});

/** A machine whose log calls a slot damaged that somebody has put right in the store. */
async function putRight(seed: string): Promise<MaintenanceBench> {
  const bench = await MaintenanceBench.make(seed, 60);
  const { point } = await bench.backUp();
  bench.change(0, 60);
  await bench.backUp();
  const [key = ""] = await keysOf(bench.store, (each) => each.includes(`/data/${point.session}`));
  await flip(bench.store, key, BLOCK);
  await checkNow(bench, whole);
  await flip(bench.store, key, BLOCK);
  return bench;
}

/** As what writes segments anew does its first put of one. */
const isRewrite = ({ operation, key }: StoreCall): boolean => operation === "put" && key.includes("/data/");

/** The bench's vault by a store of which `fails` decides. */
function failing(bench: MaintenanceBench, fails: (call: StoreCall) => void): Vault {
  const gate = async (call: StoreCall): Promise<void> => Promise.resolve(fails(call));
  return bench.bench.vault(gatedStore(bench.store, gate));
}

function gone(): never {
  throw new LockstepError("STORE_UNAVAILABLE", "the store is gone");
}

test("a check that fails while it heals closes its session, and the next one heals", async () => {
  const bench = await putRight("fails");
  const vault = failing(bench, (call) => void (isRewrite(call) && gone()));
  const { healedSlots, warnings } = await checkNow(bench, whole, { vault });
  assert.equal(healedSlots, 0);
  assert.match(warnings.join(), /What reads well again could not be written anew: the store is gone/);
  assert.equal(bench.log.fold.maintenance, null);
  assert.equal((await checkNow(bench, whole)).healedSlots, 1);
});

test("a check that is stopped while it heals closes its session", async () => {
  const bench = await putRight("stopped");
  const stop = new AbortController();
  const vault = failing(bench, (call) => void (isRewrite(call) && stop.abort()));
  await assert.rejects(checkNow(bench, whole, { vault, signal: stop.signal }));
  await bench.log.read(bench.signal);
  assert.equal(bench.log.fold.maintenance, null);
});

test("a check whose session cannot be closed either says why it failed first", async () => {
  const bench = await putRight("cannot close");
  let isGone = false;
  const log = await bench.bench.log(
    failing(bench, (call) => void (isGone && isLogPut(call) && gone())),
    bench.log,
  );
  const vault = failing(bench, (call) => {
    isGone ||= isRewrite(call);
    if (isRewrite(call)) throw new LockstepError("STORE_FULL", "no room");
  });
  const options = { point: null, readData: { part: 1, of: 1 }, record: true, repair: true, progress: () => undefined };
  const { warnings } = await check(vault, log, options, bench.signal);
  assert.match(warnings.join(), /could not be written anew: no room/);
  assert.notEqual(log.fold.maintenance, null);
});

test("a prune that fails closes its session", async () => {
  const bench = await putRight("prune fails");
  const [first] = bench.expected.keys();
  await deletePoint(bench.log, first ?? assert.fail(), "test", bench.signal);
  await bench.pass(15);
  const vault = failing(bench, ({ operation }) => void (operation === "delete" && gone()));
  await assert.rejects(bench.prune({}, vault), { code: "STORE_UNAVAILABLE" });
  assert.equal(bench.log.fold.maintenance, null);
});

/** Opens a maintenance session as a prune does that dies then. */
async function deadPrune({ bench, log, signal }: MaintenanceBench): Promise<Session> {
  const choose = () => ({ base: null, adopt: false });
  return (await openSession(log, "maintenance", { random: bench.vault().random, choose }, signal)) ?? assert.fail();
}

test("a maintenance session that is open keeps a check from healing for a week, as it would a backup's from being closed", async () => {
  const bench = await putRight("dead prune");
  const dead = await deadPrune(bench);
  await bench.pass(7);
  const waits = await checkNow(bench, whole);
  assert.deepEqual([waits.readable.length, waits.healedSlots, bench.log.fold.maintenance?.id], [1, 0, dead.id]);
  await bench.pass(0.1);
  const heals = await checkNow(bench, whole);
  assert.deepEqual([heals.healedSlots, bench.log.fold.maintenance], [1, null]);
  assert.deepEqual(await bench.unlike(), []);
});

test("a prune that wakes up after a check took it for dead is fenced, and nothing is lost", async () => {
  const bench = await putRight("prune wakes up");
  for (const first of [0, 1]) {
    bench.change(first, 20, 3);
    const { point } = await bench.backUp();
    if (first === 0) await deletePoint(bench.log, point.point, "test", bench.signal);
  }
  await bench.pass(15);
  let healed = 0;
  const store = interrupted(bench.store, 2, isLogPut, async () => {
    await bench.pass(8);
    ({ healedSlots: healed } = await checkNow(bench, whole));
  });
  const vault = bench.bench.vault(store);
  await assert.rejects(bench.prune({}, vault, await bench.bench.log(vault, bench.log)), { code: "SESSION_FENCED" });
  assert.equal(healed, 1);
  assert.deepEqual(await bench.unlike(), []);
  await bench.prune();
  assert.deepEqual(await bench.unlike(), []);
});

test("a clock that is in doubt takes no session for dead", async () => {
  const bench = await putRight("dead prune, clock in doubt");
  const dead = await deadPrune(bench);
  bench.bench.clock.now = bench.bench.clock.now.add({ hours: 24 * 400 });
  const { healedSlots } = await checkNow(bench, whole);
  assert.deepEqual([healedSlots, bench.log.fold.maintenance?.id], [0, dead.id]);
});
