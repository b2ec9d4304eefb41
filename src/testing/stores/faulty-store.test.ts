import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { memoryStore } from "#store/memory.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import type { Fault } from "#testing/stores/faulty-store.ts";

const { signal } = new AbortController();
const noAnswer = { code: "STORE_UNAVAILABLE" };

test("a call fails before its effect, after it, or with an effect that lands when it is told to", async () => {
  const body = utf8("body");
  const landed = async (fault: Fault, laterCalls: number, land: boolean): Promise<boolean> => {
    const inner = memoryStore();
    const { store, failAt, landPending } = faultyStore(inner);
    failAt(0, fault);
    const sent = body.slice();
    await assert.rejects(store.put("key", [sent], {}, signal), noAnswer);
    sent.fill(0); // the delayed effect must have its own copy
    for (let call = 0; call < laterCalls; call++) await store.stat("other", signal);
    if (land) await landPending();
    const found = await inner.get("key", 10, signal);
    if (found !== null) assert.deepEqual(found, body);
    return found !== null;
  };
  assert.equal(await landed("before", 3, true), false);
  assert.equal(await landed("after", 0, false), true);
  assert.equal(await landed("delayed", 3, false), false);
  assert.equal(await landed("delayed", 0, true), true);
  assert.equal(await landed({ delayedByCalls: 2 }, 2, false), false);
  assert.equal(await landed({ delayedByCalls: 2 }, 3, false), true);
});

test("a delayed delete takes an object that was put after it failed", async () => {
  const inner = memoryStore();
  const { store, failAt, landPending, calls } = faultyStore(inner);
  failAt(0, "delayed");
  await assert.rejects(store.delete("key", signal), noAnswer);
  await store.put("key", [], {}, signal);
  await landPending();
  assert.equal(await inner.stat("key", signal), null);
  assert.equal(calls(), 2);
});
