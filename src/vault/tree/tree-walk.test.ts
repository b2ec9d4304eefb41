import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import type { Store } from "#store/contract.ts";
import { treeBench } from "#testing/vaults/tree-bench.ts";
import { firstGeneration } from "#vault/object/ids.ts";
import { POINTER_BYTES } from "#vault/segments/pointer.ts";
import { SegmentReader } from "#vault/segments/segment-reader.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import { TreeUpdate } from "#vault/tree/tree-update.ts";
import { walkLeaves } from "#vault/tree/tree-walk.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

type Bench = ReturnType<typeof treeBench>;
const BLOCKS = 3000;

/** A tree over every block, each pointer naming its own block. */
async function fullTree(bench: Bench): Promise<TreeShape> {
  const writer = bench.newWriter();
  const old = { root: null, blocks: BLOCKS };
  const from = { nodes: bench.newReader(), writer, old, blocks: BLOCKS, replacesDamage: false };
  const tree = await TreeUpdate.open(from, bench.signal);
  for (let block = 0; block < BLOCKS; block++) {
    const pointer = new Uint8Array(POINTER_BYTES);
    new DataView(pointer.buffer).setUint32(0, 1, true);
    new DataView(pointer.buffer).setUint32(12, block, true);
    await tree.set(block, pointer, 0, bench.signal);
  }
  const root = tree.snapshot();
  await writer.flush();
  return { root, blocks: BLOCKS };
}

function readerOver(bench: Bench, store: Store): NodeReader {
  const { keys, machine, disk } = bench;
  const resolver = { current: () => firstGeneration, refresh: () => Promise.resolve() };
  return new NodeReader(new SegmentReader({ store, keys, machine, resolver }), keys, disk);
}

test("a walk of a part reads the leaves that it touches, and no other", async () => {
  const bench = treeBench("walk");
  const tree = await fullTree(bench);
  const first: number[] = [];
  for await (const leaf of walkLeaves(bench.newReader(), tree, { from: 1000, to: 1100 }, bench.signal)) {
    first.push(leaf.firstBlock);
  }
  assert.deepEqual(first, [992, 1024, 1056, 1088]);
});

test("a cursor gives the same pointers whatever runs it is asked for", async () => {
  const bench = treeBench("cursor");
  const tree = await fullTree(bench);
  const cursor = new PointerCursor(bench.newReader(), tree);
  for (const [from, count] of [
    [0, 10],
    [10, 500],
    [510, 1],
    [2000, 999],
    [2999, 5],
    [3, 40],
  ] as const) {
    const { pointers, damaged } = await cursor.read(from, count, bench.signal);
    assert.equal(damaged, false);
    const view = new DataView(pointers.buffer);
    for (let i = 0; i < count; i++) {
      const expected = from + i < BLOCKS ? [1, from + i] : [0, 0];
      const at = i * POINTER_BYTES;
      assert.deepEqual([view.getUint32(at, true), view.getUint32(at + 12, true)], expected);
    }
  }
});

test("pointers below lost nodes are unknown, equal to nothing; a store that does not answer is no damage", async () => {
  const bench = treeBench("lost");
  const tree = await fullTree(bench);
  for await (const { key } of bench.store.list("machines/", {}, bench.signal))
    await bench.store.delete(key, bench.signal);
  const lost = await new PointerCursor(bench.newReader(), tree).read(0, 4, bench.signal);
  assert.equal(lost.damaged, true);
  assert.ok(lost.pointers.every((byte) => byte === 0xff));

  for (const code of ["STORE_UNAVAILABLE", "VAULT_NEWER", "POINT_GONE"] as const) {
    const get = (): Promise<never> => Promise.reject(new LockstepError(code, "no answer"));
    const reader = readerOver(bench, { ...bench.store, get });
    await assert.rejects(new PointerCursor(reader, tree).read(0, 4, bench.signal), { code });
  }
});
