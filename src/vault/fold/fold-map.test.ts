import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { FoldMap } from "#vault/fold/fold-map.ts";

const key = fc.integer({ min: 0, max: 40 }).map((n) => `key-${n}`);
const change = fc.tuple(key, fc.option(fc.nat(), { nil: undefined }));

test("it holds what a Map holds after the same changes", () => {
  const agrees = (changes: [string, number | undefined][]): void => {
    const plain = new Map<string, number>();
    let map = FoldMap.of<string, number>();
    for (const [name, value] of changes) {
      if (value === undefined) plain.delete(name);
      else plain.set(name, value);
      map = value === undefined ? map.without(name) : map.with(name, value);
      assert.equal(map.size, plain.size);
      assert.equal(map.get(name), value);
      assert.equal(map.has(name), value !== undefined);
    }
    assert.deepEqual(new Map(map), plain);
    assert.deepEqual(new Set(map.keys()), new Set(plain.keys()));
    assert.deepEqual(new Set(map.values()), new Set(plain.values()));
    assert.deepEqual(new Map(FoldMap.of<string, number>().withAll(changes)), plain);
  };
  fc.assert(fc.property(fc.array(change, { maxLength: 60 }), agrees), { numRuns: 60 });
});

test("a change leaves the map that it was made from as it was", () => {
  const before = FoldMap.of([
    ["a", 1],
    ["b", 2],
  ]);
  const after = before.with("a", 3).without("b");
  assert.deepEqual([before.get("a"), before.get("b"), before.size], [1, 2, 2]);
  assert.deepEqual([after.get("a"), after.get("b"), after.size], [3, undefined, 1]);
});
