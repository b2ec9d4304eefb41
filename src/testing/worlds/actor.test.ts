import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore } from "#store/memory.ts";
import { Actor } from "#testing/worlds/actor.ts";

const { signal } = new AbortController();

test("an actor makes as many calls as it may, and none before it is told to", async () => {
  const store = memoryStore();
  const exists = async (key: string): Promise<boolean> => (await store.stat(key, signal)) !== null;
  const actor = await Actor.prepared(store, async (own) => {
    await own.put("prepared", [], {}, signal);
    return async () => {
      for (const key of ["a", "b", "c"]) await own.put(key, [], {}, signal);
      return "done";
    };
  });
  assert.deepEqual([await exists("prepared"), await exists("a")], [true, false]);
  assert.equal(await actor.runTo(0), false);
  assert.deepEqual([await exists("a"), actor.calls.length], [false, 1]);
  assert.equal(await actor.runTo(2), false);
  assert.deepEqual([await exists("b"), await exists("c")], [true, false]);
  assert.equal(actor.outcome, null);
  assert.deepEqual(await actor.finish(), { result: "done" });
});

test("calls of one actor that are made together are let through one by one, in the order in which they came", async () => {
  const store = memoryStore();
  const put = (own: typeof store, key: string): Promise<unknown> => own.put(key, [], {}, signal);
  const actor = await Actor.prepared(store, async (own) => {
    await own.stat("x", signal);
    return () => Promise.all(["c", "a", "b"].map((key) => put(own, key)));
  });
  await actor.runTo(1);
  assert.deepEqual(
    (await Array.fromAsync(store.list("", {}, signal))).map(({ key }) => key),
    ["c"],
  );
  await actor.runTo(2);
  assert.deepEqual(
    (await Array.fromAsync(store.list("", {}, signal))).map(({ key }) => key),
    ["a", "c"],
  );
});

test("an actor that waits for something other than its store is refused", async () => {
  const actor = await Actor.prepared(memoryStore(), () => Promise.resolve(() => new Promise(() => undefined)));
  await assert.rejects(actor.runTo(1), /other than its store/);
});

test("how an actor fails is its outcome", async () => {
  const error = new Error("failed");
  const actor = await Actor.prepared(memoryStore(), () => Promise.resolve(() => Promise.reject(error)));
  assert.deepEqual(await actor.finish(), { error });
});
