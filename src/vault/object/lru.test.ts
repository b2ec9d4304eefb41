import assert from "node:assert/strict";
import { test } from "node:test";

import { Lru } from "#vault/object/lru.ts";

test("the least recently used go first once the weight is over the limit", () => {
  const lru = new Lru<string, number>(10, (value) => value);
  lru.set("a", 4);
  lru.set("b", 4);
  assert.equal(lru.get("a"), 4);
  lru.set("c", 4);
  assert.deepEqual([lru.get("a"), lru.get("b"), lru.get("c")], [4, undefined, 4]);
});

test("a value that is heavier than the limit is kept alone, and setting again replaces", () => {
  const lru = new Lru<string, number>(10, (value) => value);
  lru.set("a", 4);
  lru.set("big", 50);
  assert.deepEqual([lru.get("a"), lru.get("big")], [undefined, 50]);
  lru.set("big", 1);
  lru.set("a", 4);
  assert.deepEqual([lru.get("big"), lru.get("a")], [1, 4]);
  lru.delete("a");
  assert.equal(lru.get("a"), undefined);
});
