import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { cachingStore } from "#store/cached.ts";
import type { CachedObjects } from "#store/cached.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { ObjectCache } from "#store/object-cache.ts";
import { describeStore } from "#testing/stores/describe-store.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import { recordingStore } from "#testing/stores/recording-store.ts";

const { signal } = new AbortController();
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-cached-"));
});
after(() => rm(folder, { recursive: true }));

const everything: CachedObjects = { wants: () => true, isSound: () => true };

const now = (): Temporal.Instant => Temporal.Now.instant();
const random = (length: number): Uint8Array => randomBytes(length);

/** @param storeId  each test's own, since all have one folder */
function cached(store: Store, storeId: string, objects = everything): Store {
  return cachingStore(store, new ObjectCache(folder, { storeId, limitBytes: 100_000_000, now, random }), objects);
}

describeStore("a store with a cache before it", () => {
  const store = cached(memoryStore(), randomUUID());
  return Promise.resolve({ open: () => Promise.resolve(store), [Symbol.asyncDispose]: () => Promise.resolve() });
});

test("an object is got from the store once, and only of the kind that is wanted", async () => {
  const { store, calls } = recordingStore(memoryStore());
  const nodes: CachedObjects = { ...everything, wants: (key) => key.includes("/nodes/") };
  await store.put("disk/nodes/1", [utf8("nodes")], {}, signal);
  await store.put("disk/data/1", [utf8("data")], {}, signal);
  for (const each of [cached(store, "once", nodes), cached(store, "once", nodes)]) {
    assert.deepEqual(await each.get("disk/nodes/1", 10, signal), utf8("nodes"));
    assert.deepEqual(await each.get("disk/data/1", 10, signal), utf8("data"));
  }
  const gets = calls.filter(({ operation }) => operation === "get").map(({ key }) => key);
  assert.deepEqual(gets, ["disk/nodes/1", "disk/data/1", "disk/data/1"]);
});

test("bytes that are not what was put are not kept", async () => {
  const store = memoryStore();
  const through = cached(store, "sound", { ...everything, isSound: (_, bytes) => bytes[0] !== 0 });
  await store.put("a", [new Uint8Array(5)], {}, signal);
  assert.deepEqual(await through.get("a", 5, signal), new Uint8Array(5));
  await store.delete("a", signal);
  await store.put("a", [utf8("whole")], {}, signal);
  assert.deepEqual(await through.get("a", 5, signal), utf8("whole"));
});

test("an object that was deleted through it is gone, also when a get was under way", async () => {
  const store = memoryStore();
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const slow = interceptedStore(store, async ({ operation }, run) => {
    const answer = await run();
    if (operation === "get") {
      reached.resolve();
      await goOn.promise;
    }
    return answer;
  });
  const through = cached(slow, "deleted");
  await store.put("a", [utf8("body")], {}, signal);
  const got = through.get("a", 4, signal);
  await reached.promise;
  await through.delete("a", signal);
  goOn.resolve();
  assert.deepEqual(await got, utf8("body"));
  assert.equal(await through.get("a", 4, signal), null);
  assert.equal(await cached(store, "deleted").get("a", 4, signal), null);
});
