import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { memoryStore } from "#store/memory.ts";
import { describeStore } from "#testing/stores/describe-store.ts";

const { signal } = new AbortController();

describeStore("the memory store", async () => {
  const store = memoryStore();
  return { open: () => Promise.resolve(store), [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});

test("what is put and what is got are copies", async () => {
  const store = memoryStore();
  const body = utf8("body");
  await store.put("key", [body], {}, signal);
  body.fill(0);
  const got = await store.get("key", 10, signal);
  got?.fill(1);
  assert.deepEqual(await store.get("key", 10, signal), utf8("body"));
});

test("calls act in the order in which they were made", async () => {
  const store = memoryStore();
  const answers = await Promise.all([
    store.put("key", [utf8("1")], {}, signal),
    store.get("key", 10, signal),
    store.delete("key", signal),
    store.put("key", [utf8("2")], {}, signal),
    store.get("key", 10, signal),
  ]);
  assert.deepEqual(answers, ["created", utf8("1"), undefined, "created", utf8("2")]);
});

test("no key is the folder of another", async () => {
  const store = memoryStore();
  await store.put("a/b", [], {}, signal);
  await assert.rejects(store.put("a", [], {}, signal), { code: "STORE_DENIED", message: /in its place is no object/ });
  await assert.rejects(store.put("a/b/c/d", [], {}, signal), {
    code: "STORE_DENIED",
    message: /on the way to it is no folder/,
  });
});
