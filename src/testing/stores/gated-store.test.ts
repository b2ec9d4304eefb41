import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { memoryStore } from "#store/memory.ts";
import { appendOnlyStore } from "#testing/stores/append-only-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";

const { signal } = new AbortController();

test("calls happen in the order in which the gate lets them, not in which they were made", async () => {
  const waiting: (() => void)[] = [];
  const store = gatedStore(memoryStore(), () => new Promise<void>((resolve) => waiting.push(resolve)));
  const first = store.put("key", [utf8("first")], {}, signal);
  const second = store.put("key", [utf8("second")], {}, signal);
  const listed = Array.fromAsync(store.list("", {}, signal));
  await Promise.resolve();
  waiting[2]?.();
  assert.deepEqual(await listed, []);
  waiting[1]?.();
  assert.equal(await second, "created");
  waiting[0]?.();
  assert.equal(await first, "exists");
});

test("a recording has every call with its key, in order", async () => {
  const { store, calls } = recordingStore(memoryStore());
  await store.put("a", [], {}, signal);
  await store.get("a", 1, signal);
  await Array.fromAsync(store.list("pre", {}, signal));
  await store.delete("a", signal);
  assert.deepEqual(
    calls.map(({ index, operation, key }) => [index, operation, key]),
    [
      [0, "put", "a"],
      [1, "get", "a"],
      [2, "list", "pre"],
      [3, "delete", "a"],
    ],
  );
});

test("an append-only store takes objects and lets none go", async () => {
  const store = appendOnlyStore(memoryStore());
  assert.equal(await store.put("a", [], {}, signal), "created");
  await assert.rejects(store.delete("a", signal), { code: "STORE_DENIED" });
  assert.deepEqual(await store.stat("a", signal), { sizeBytes: 0 });
});
