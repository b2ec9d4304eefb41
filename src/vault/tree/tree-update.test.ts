import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { treeBench } from "#testing/vaults/tree-bench.ts";
import { isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";
import { FAN_OUT } from "#vault/tree/node.ts";
import { TreeUpdate } from "#vault/tree/tree-update.ts";
import { walkLeaves } from "#vault/tree/tree-walk.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

type Bench = ReturnType<typeof treeBench>;
/** The slow twin of a tree: block → a number that stands for its pointer; absent means zeros. */
type Model = Map<number, number>;

function pointerOf(mark: number): Uint8Array {
  const pointer = new Uint8Array(POINTER_BYTES);
  if (mark === 0) return pointer;
  const view = new DataView(pointer.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(12, mark, true);
  return pointer;
}

async function readAll(bench: Bench, tree: TreeShape): Promise<Model> {
  const found: Model = new Map();
  for await (const leaf of walkLeaves(bench.newReader(), tree, { from: 0, to: tree.blocks }, bench.signal)) {
    for (let i = 0; i < FAN_OUT; i++) {
      if (isZeroPointer(leaf.pointers, i * POINTER_BYTES)) continue;
      const view = new DataView(leaf.pointers.buffer, leaf.pointers.byteOffset + i * POINTER_BYTES);
      found.set(leaf.firstBlock + i, view.getUint32(12, true));
    }
  }
  return found;
}

type Change = { readonly first: number; readonly count: number; readonly mark: number };

async function update(bench: Bench, old: TreeShape, blocks: number, changes: readonly Change[]): Promise<TreeShape> {
  const writer = bench.newWriter();
  const from = { nodes: bench.newReader(), writer, old, blocks, replacesDamage: false };
  const tree = await TreeUpdate.open(from, bench.signal);
  for (const { first, count, mark } of changes) {
    if (mark === 0) await tree.setZeros(first, count, bench.signal);
    else for (let i = 0; i < count; i++) await tree.set(first + i, pointerOf(mark + i), 0, bench.signal);
  }
  const root = tree.snapshot();
  await writer.flush();
  return { root, blocks };
}

/** Ascending changes that do not overlap. */
function changesIn(blocks: number): fc.Arbitrary<Change[]> {
  const piece = fc.record({
    gap: fc.nat(200),
    count: fc.integer({ min: 1, max: 1500 }),
    mark: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1e6 })),
  });
  return fc.array(piece, { maxLength: 8 }).map((pieces) => {
    const changes: Change[] = [];
    let at = 0;
    for (const { gap, count, mark } of pieces) {
      const first = at + gap;
      const fits = Math.min(mark === 0 ? count : count % 70, blocks - first);
      if (fits <= 0) continue;
      changes.push({ first, count: fits, mark });
      at = first + fits;
    }
    return changes;
  });
}

function apply(model: Model, blocks: number, changes: readonly Change[]): Model {
  const next = new Map([...model].filter(([block]) => block < blocks));
  for (const { first, count, mark } of changes) {
    for (let i = 0; i < count; i++) {
      if (mark === 0) next.delete(first + i);
      else next.set(first + i, mark + i);
    }
  }
  return next;
}

test("a tree holds what was set, over versions that grow and shrink, and old versions stay as they were", async () => {
  const version = fc
    .integer({ min: 1, max: 40_000 })
    .chain((blocks) => fc.record({ blocks: fc.constant(blocks), changes: changesIn(blocks) }));
  await fc.assert(
    fc.asyncProperty(fc.array(version, { minLength: 1, maxLength: 4 }), async (versions) => {
      const bench = treeBench("tree-update");
      let tree: TreeShape = { root: null, blocks: 1 };
      let model: Model = new Map();
      const kept: { tree: TreeShape; model: Model }[] = [];
      for (const { blocks, changes } of versions) {
        tree = await update(bench, tree, blocks, changes);
        model = apply(model, blocks, changes);
        kept.push({ tree, model });
      }
      for (const { tree: old, model: expected } of kept) {
        assert.deepEqual(await readAll(bench, old), new Map([...expected].sort(([a], [b]) => a - b)));
      }
    }),
    { numRuns: 25 },
  );
});

test("a disk that shrinks and grows again has zeros where it was cut off", async () => {
  const bench = treeBench("cut");
  const full = await update(bench, { root: null, blocks: 3000 }, 3000, [{ first: 0, count: 3000, mark: 1 }]);
  const cut = await update(bench, full, 40, [{ first: 0, count: 1, mark: 5000 }]);
  const grown = await update(bench, cut, 3000, [{ first: 39, count: 1, mark: 6000 }]);
  const found = await readAll(bench, grown);
  assert.deepEqual(
    [found.size, found.get(0), found.get(38), found.get(39), found.get(40)],
    [40, 5000, 39, 6000, undefined],
  );
});

test("a tree of nothing but zeros has no root and stores nothing", async () => {
  const bench = treeBench("zeros");
  const full = await update(bench, { root: null, blocks: 5000 }, 5000, [{ first: 10, count: 60, mark: 1 }]);
  assert.notEqual(full.root, null);
  const empty = await update(bench, full, 5000, [{ first: 0, count: 5000, mark: 0 }]);
  assert.equal(empty.root, null);
});

test("setting what is there already makes no new root and writes no node", async () => {
  const bench = treeBench("same");
  const changes = [{ first: 100, count: 50, mark: 7 }];
  const first = await update(bench, { root: null, blocks: 2000 }, 2000, changes);
  const writer = bench.newWriter();
  const from = { nodes: bench.newReader(), writer, old: first, blocks: 2000, replacesDamage: false };
  const again = await TreeUpdate.open(from, bench.signal);
  for (let i = 0; i < 50; i++) await again.set(100 + i, pointerOf(7 + i), 0, bench.signal);
  assert.deepEqual(again.snapshot(), first.root);
  assert.equal(writer.storedBytes, 0);
});

test("a snapshot in the middle is a whole tree, and the update goes on from it", async () => {
  const bench = treeBench("snapshot");
  const writer = bench.newWriter();
  const old = await update(bench, { root: null, blocks: 3000 }, 3000, [{ first: 0, count: 69, mark: 1 }]);
  const tree = await TreeUpdate.open(
    { nodes: bench.newReader(), writer, old, blocks: 3000, replacesDamage: false },
    bench.signal,
  );
  await tree.set(5, pointerOf(500), 0, bench.signal);
  const middle = { root: tree.snapshot(), blocks: 3000 };
  await tree.set(6, pointerOf(600), 0, bench.signal);
  await tree.set(2999, pointerOf(700), 0, bench.signal);
  const end = { root: tree.snapshot(), blocks: 3000 };
  await writer.flush();
  const atMiddle = await readAll(bench, middle);
  assert.equal(atMiddle.get(5), 500);
  assert.equal(atMiddle.get(6), 7);
  assert.equal(atMiddle.size, 69);
  const atEnd = await readAll(bench, end);
  assert.deepEqual([atEnd.get(5), atEnd.get(6), atEnd.get(2999), atEnd.size], [500, 600, 700, 70]);
});

test("a hole of 10 TiB is set without reading or writing a node for each part of it", async () => {
  const bench = treeBench("huge");
  const blocks = (10 * 2 ** 40) / 65_536;
  const tree = await update(bench, { root: null, blocks }, blocks, [
    { first: 0, count: 1000, mark: 0 },
    { first: 1000, count: 1, mark: 9 },
    { first: 1001, count: blocks - 1002, mark: 0 },
    { first: blocks - 1, count: 1, mark: 10 },
  ]);
  assert.deepEqual(
    await readAll(bench, tree),
    new Map([
      [1000, 9],
      [blocks - 1, 10],
    ]),
  );
});

test("blocks out of order or out of the disk are refused", async () => {
  const bench = treeBench("order");
  const from = {
    nodes: bench.newReader(),
    writer: bench.newWriter(),
    old: { root: null, blocks: 10 },
    blocks: 10,
    replacesDamage: false,
  };
  const tree = await TreeUpdate.open(from, bench.signal);
  await tree.set(5, pointerOf(1), 0, bench.signal);
  await assert.rejects(tree.set(5, pointerOf(1), 0, bench.signal), { code: "ARGUMENT_INVALID" });
  await assert.rejects(tree.setZeros(9, 2, bench.signal), { code: "ARGUMENT_INVALID" });
});
