import assert from "node:assert/strict";
import { test } from "node:test";

import { alignedBuffer } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { putDefinite } from "#store/definite.ts";
import { memoryStore } from "#store/memory.ts";
import type { Retry } from "#store/retry.ts";
import { faultyStore } from "#testing/stores/faulty-store.ts";
import type { Fault } from "#testing/stores/faulty-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";

const { signal } = new AbortController();
const retry: Retry = { attempts: 3, delayMs: () => 0, sleep: () => Promise.resolve() };
const ours = [utf8("our "), utf8("bytes")];

const put = (store: Store, body = ours, how = retry): Promise<string> =>
  putDefinite(store, "key", body, {}, how, signal);

test("whichever call of it fails in whichever way, a put ends as mine, with one object", async () => {
  for (const fault of ["before", "after", "delayed", { delayedByCalls: 0 }, { delayedByCalls: 1 }] as Fault[]) {
    for (let failing = 0; failing < 4; failing++) {
      const inner = memoryStore();
      const faulty = faultyStore(inner);
      faulty.failAt(failing, fault);
      if (failing > 0) faulty.failAt(0, "after"); // so that there is something to compare
      assert.equal(await put(faulty.store), "mine");
      await faulty.landPending();
      assert.deepEqual(await inner.get("key", 100, signal), utf8("our bytes"));
    }
  }
});

test("an object of other bytes is another's, also of the same length", async () => {
  for (const theirs of ["their bytes", "OUR BYTES", "our bytez", "", "our bytes and more"]) {
    const inner = memoryStore();
    const faulty = faultyStore(inner);
    faulty.failAt(0, "before");
    await inner.put("key", [utf8(theirs)], {}, signal);
    assert.equal(await put(faulty.store), "another's", theirs);
  }
});

test("large objects are compared in ranges of 1 MiB, to the last byte", async () => {
  const bulk = alignedBuffer(2 * 1024 * 1024 + 8192).fill(3);
  const theirs = bulk.slice();
  theirs[theirs.length - 1] = 4;
  for (const [body, answer] of [
    [bulk, "mine"],
    [theirs, "another's"],
  ] as const) {
    const { store, calls } = recordingStore(memoryStore());
    await store.put("key", [bulk], {}, signal);
    assert.equal(await put(store, [body.subarray(0, 5000), body.subarray(5000)]), answer);
    assert.equal(calls.filter(({ operation }) => operation === "read").length, 3);
  }
});

test("when all tries are spent it is not known, and says so", async () => {
  const faulty = faultyStore(memoryStore());
  for (const index of [0, 1, 2]) faulty.failAt(index, "delayed");
  await assert.rejects(put(faulty.store), { code: "STORE_UNAVAILABLE" });
  assert.equal(faulty.calls(), 3);
});

test("a failure that is certain passes as it is, unless an earlier put is open", async () => {
  const full = (before: number): Store => {
    let puts = 0;
    const inner = memoryStore();
    return Object.assign(memoryStore(), {
      put: async (): Promise<"created" | "exists"> => {
        await Promise.resolve();
        if (puts++ < before) throw new LockstepError("STORE_UNAVAILABLE", "No answer.");
        throw new LockstepError("STORE_FULL", `No room in ${inner.name}.`, { hint: "Make room." });
      },
    });
  };
  await assert.rejects(put(full(0)), { code: "STORE_FULL" });
  await assert.rejects(put(full(1)), { code: "STORE_UNAVAILABLE", hint: "Make room.", message: /key.*No room/ });
});

test("an object that vanishes before it is compared is put again", async () => {
  const inner = memoryStore();
  await inner.put("key", ours, {}, signal);
  let stats = 0;
  const store = Object.assign(memoryStore(), {
    put: inner.put.bind(inner),
    stat: async (key: string, within: AbortSignal) => {
      if (stats++ === 0) await inner.delete(key, within);
      return inner.stat(key, within);
    },
  });
  assert.equal(await put(store), "mine");
  assert.deepEqual(await inner.get("key", 100, signal), utf8("our bytes"));
});

test("a wait between tries ends when it is cancelled", async () => {
  const faulty = faultyStore(memoryStore());
  faulty.failAt(0, "before");
  const controller = new AbortController();
  const sleep = (): Promise<void> => Promise.resolve(controller.abort());
  const waiting = putDefinite(faulty.store, "key", ours, {}, { ...retry, sleep }, controller.signal);
  await assert.rejects(waiting, { code: "CANCELLED" });
});
