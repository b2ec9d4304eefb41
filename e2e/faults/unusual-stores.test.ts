import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { LockstepError } from "#errors/errors.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { rekey } from "#ops/unlock/rekey.ts";
import { memoryStore } from "#store/memory.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";
import { keysOf } from "#testing/vaults/damage.ts";
import { assertWhole, WholeVault } from "#testing/vaults/whole-vault.ts";
import { acts } from "#testing/worlds/acts.ts";

const { signal } = new AbortController();

test("a store that allows neither delete nor overwrite takes backups, checks and restores; a prune says what it left", async () => {
  for (const singleDisk of [true, false]) {
    const whole = await WholeVault.make("append only", 40, { store: memoryStore({ singleDisk }) });
    const worm = appendOnlyStore(whole.store);
    const client = await whole.open(worm);
    const { point } = await whole.backUp(client);
    whole.change(0, 40);
    await whole.backUp(client);
    assert.equal((await whole.check(client, { record: true, repair: true })).ok, true);
    await deletePoint(client.log, point.point, "test", signal);
    await whole.pass(client, 15);
    const before = await keysOf(whole.store, (key) => key.includes("/disks/") || key.includes("/points/"));
    const pruned = await whole.prune(client);
    assert.deepEqual([pruned.purged.length, pruned.swept.objects, pruned.rewritten.segments], [1, 0, 0]);
    assert.ok(pruned.leftBytes > 40 * 4096);
    assert.match(pruned.warnings.join(), /not allowed\. What is dead stays for now/);
    whole.expected.delete(point.point);
    assert.deepEqual(await keysOf(whole.store, (key) => before.includes(key)), before);

    const rekeyed = await rekey(client.vault, client.log, { progress: () => undefined }, signal);
    assert.match(rekeyed.warnings.join(), /run this again with credentials that may delete/);
    await whole.backUp(await whole.open(worm));
    await assertWhole(whole, {}, "later, with credentials that may delete");
  }
});

test("a backup needs no delete, and puts no name twice with other bytes", async () => {
  const whole = await WholeVault.make("new names", 40);
  const { store, calls } = recordingStore(whole.store);
  for (let i = 0; i < 3; i++) {
    whole.change(i, 10);
    await whole.backUp(await whole.open(store));
  }
  const bodies = new Map<string, Set<string>>();
  for (const call of calls) {
    if (call.operation !== "put") continue;
    const ofKey = bodies.get(call.key) ?? new Set();
    bodies.set(call.key, ofKey.add(Buffer.concat(call.body).toString("base64")));
  }
  assert.ok(bodies.size > 20);
  assert.deepEqual(new Set([...bodies.values()].map(({ size }) => size)), new Set([1]));
  assert.ok(calls.every(({ operation }) => operation !== "delete"));
});

test("a store that is away for a while is waited for; one that stays away ends everything with STORE_UNAVAILABLE", async () => {
  for (const act of acts) {
    for (const lasting of [false, true]) {
      const whole = await act.prepare(memoryStore({ singleDisk: true }));
      let calls = 0;
      let away = false;
      const store = gatedStore(whole.store, async () => {
        await Promise.resolve();
        // Away for three calls out of every seven: each is tried five times.
        const fails = away && (lasting || calls++ % 7 < 3);
        if (fails) throw new LockstepError("STORE_UNAVAILABLE", "The network is down.");
      });
      const client = await whole.open(store);
      away = true;
      const done = await act.run(whole, client).then(
        ({ isPartial }) => (isPartial ? "partly" : "done"),
        (error: unknown) => (error instanceof LockstepError ? error.code : String(error)),
      );
      if (!lasting) assert.equal(done, "done", act.name);
      else assert.ok(done === "STORE_UNAVAILABLE" || done === "partly", `${act.name}: ${done}`);
    }
  }
});

test("on a slow store that answers out of order everything is the same", async () => {
  const whole = await WholeVault.make("slow", 60);
  const slow = gatedStore(whole.store, ({ index }) => setTimeout((index * 7919) % 5));
  const client = await whole.open(slow);
  await whole.backUp(client);
  whole.change(0, 30);
  await whole.backUp(client);
  await whole.prune(client);
  await assertWhole(whole, {}, "slow");
});
