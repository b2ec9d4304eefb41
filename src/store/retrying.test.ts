import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ListedObject, Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import type { Retry } from "#store/retry.ts";
import { retrying } from "#store/retrying.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";

const { signal } = new AbortController();

function retryOf(attempts: number): Retry & { readonly slept: number[] } {
  const slept: number[] = [];
  const sleep = (ms: number): Promise<void> => Promise.resolve(void slept.push(ms));
  return { attempts, delayMs: (attempt) => attempt * 100, sleep, slept };
}

test("every call but put is repeated until it succeeds", async () => {
  const calls: ((store: Store) => Promise<unknown>)[] = [
    (store) => store.get("key", 10, signal),
    (store) => store.read("key", 0, new Uint8Array(10), signal),
    (store) => store.stat("key", signal),
    (store) => Array.fromAsync(store.list("", {}, signal)),
    (store) => store.delete("key", signal),
  ];
  for (const call of calls) {
    const inner = memoryStore();
    await inner.put("key", [utf8("x")], {}, signal);
    const faulty = faultyStore(inner);
    faulty.failAt(0, "before");
    faulty.failAt(1, "after");
    const retry = retryOf(3);
    const expected = call.toString().includes("delete") ? undefined : await call(inner);
    assert.deepEqual(await call(retrying(faulty.store, retry)), expected);
    assert.deepEqual(retry.slept, [100, 200]);
  }
});

test("the last failure is passed on, and any other failure at once", async () => {
  const faulty = faultyStore(memoryStore());
  faulty.failAt(0, "before");
  faulty.failAt(1, "before");
  await assert.rejects(retrying(faulty.store, retryOf(2)).stat("key", signal), { message: /^Call 1, stat of key/ });
  const retry = retryOf(5);
  await assert.rejects(retrying(memoryStore(), retry).stat("KEY", signal), { code: "ARGUMENT_INVALID" });
  assert.deepEqual(retry.slept, []);
});

test("a put passes as it is", async () => {
  const faulty = faultyStore(memoryStore());
  faulty.failAt(0, "before");
  await assert.rejects(retrying(faulty.store, retryOf(5)).put("key", [], {}, signal), { code: "STORE_UNAVAILABLE" });
});

test("a list that breaks off goes on after the last object it gave", async () => {
  const inner = memoryStore();
  for (const key of ["a", "b", "c", "d"]) await inner.put(key, [], {}, signal);
  const starts: (string | undefined)[] = [];
  async function* list(prefix: string, options: { readonly after?: string }): AsyncIterable<ListedObject> {
    starts.push(options.after);
    let given = 0;
    for await (const object of inner.list(prefix, options, signal)) {
      if (given++ === 2) throw new LockstepError("STORE_UNAVAILABLE", "The connection broke.");
      yield object;
    }
  }
  const breaking: Store = Object.assign(memoryStore(), { list });
  const listed = await Array.fromAsync(retrying(breaking, retryOf(2)).list("", {}, signal), ({ key }) => key);
  assert.deepEqual(listed, ["a", "b", "c", "d"]);
  assert.deepEqual(starts, [undefined, "b"]);
});
