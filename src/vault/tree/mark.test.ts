import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { treeBench } from "#testing/vaults/tree-bench.ts";
import { FoldMap } from "#vault/fold/fold-map.ts";
import type { Fold } from "#vault/fold/fold.ts";
import { segmentId, sessionId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { isZeroPointer, POINTER_BYTES, segmentAt, slotAt, writePointer } from "#vault/segments/pointer.ts";
import { PAGE_BYTES } from "#vault/segments/segment.ts";
import { markTrees } from "#vault/tree/mark.ts";
import type { DiskMarks } from "#vault/tree/mark.ts";
import { FAN_OUT, NODE_BYTES } from "#vault/tree/node.ts";
import { TreeUpdate } from "#vault/tree/tree-update.ts";
import { walkLeaves } from "#vault/tree/tree-walk.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";

type Bench = ReturnType<typeof treeBench>;

const noFold = { generations: FoldMap.of() } as unknown as Fold;

function mark(bench: Bench, roots: readonly Uint8Array[], store = bench.store): Promise<DiskMarks> {
  const { keys, machine, disk, signal } = bench;
  const log = { fold: noFold, read: () => Promise.resolve(noFold) };
  const options = { both: false, onSegment: () => undefined };
  return markTrees({ store, keys, machine, disk, log }, roots, options, signal);
}

/** A tree over `blocks` blocks that differs from `old` in the blocks from `first` on. */
async function grow(bench: Bench, old: TreeShape, blocks: number, first: number, count: number, name: number) {
  const writer = bench.newWriter();
  const nodes = bench.newReader();
  const tree = await TreeUpdate.open({ nodes, writer, old, blocks, replacesDamage: false }, bench.signal);
  const segment = segmentId(sessionId(name, new Uint8Array(8)), name);
  for (let block = first; block < Math.min(first + count, blocks); block++) {
    const pointer = new Uint8Array(POINTER_BYTES);
    writePointer(pointer, 0, { segment, slot: block - first, flags: 0, fingerprint: new Uint8Array(16).fill(name) });
    await tree.set(block, pointer, 0, bench.signal);
  }
  const root = tree.snapshot();
  await writer.flush();
  return { root, blocks };
}

const one = { root: null, blocks: 1 };

test("whatever trees share: exactly the slots that some walk finds are marked", async () => {
  const version = fc.record({
    blocks: fc.integer({ min: 1, max: 3000 }),
    first: fc.nat(2500),
    count: fc.integer({ min: 1, max: 900 }),
    kept: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(version, { minLength: 1, maxLength: 5 }), fc.integer(), async (versions, seed) => {
      const bench = treeBench(`mark ${seed}`);
      const kept: TreeShape[] = [];
      let tree: TreeShape = one;
      for (const [index, { blocks, first, count, kept: isKept }] of versions.entries()) {
        tree = await grow(bench, tree, blocks, first, count, index + 1);
        if (isKept) kept.push(tree);
      }
      const expected = new Set<string>();
      for (const each of kept) {
        for await (const { pointers } of walkLeaves(
          bench.newReader(),
          each,
          { from: 0, to: each.blocks },
          bench.signal,
        )) {
          for (let at = 0; at < FAN_OUT * POINTER_BYTES; at += POINTER_BYTES) {
            if (!isZeroPointer(pointers, at)) expected.add(`${segmentAt(pointers, at)} ${slotAt(pointers, at)}`);
          }
        }
      }
      const marks = await mark(
        bench,
        kept.flatMap(({ root }) => root ?? []),
      );
      const found = [...marks.data].flatMap(({ id, slots }) => [...slots].map((slot) => `${id} ${slot}`));
      assert.deepEqual(new Set(found), expected);
      assert.deepEqual(marks.unreadable, []);
    }),
    { numRuns: 20 },
  );
});

test("each node segment is read once, however many trees share it", async () => {
  const bench = treeBench("once");
  const trees = [await grow(bench, one, 2000, 0, 2000, 1)];
  for (let i = 2; i < 8; i++) trees.push(await grow(bench, trees.at(-1) ?? one, 2000, i * 100, 3, i));
  const reads: string[] = [];
  const store = gatedStore(bench.store, async ({ key }) => void (await Promise.resolve(reads.push(key))));
  await mark(
    bench,
    trees.flatMap(({ root }) => root ?? []),
    store,
  );
  assert.equal(new Set(reads).size, reads.length);
  assert.equal(reads.length, trees.length);
});

test("a node that cannot be read is named, and its second copy stands in for it", async () => {
  const bench = treeBench("copy");
  const { root } = await grow(bench, one, 2000, 0, 2000, 1);
  assert.ok(root);
  const [key = ""] = await keysOf(bench.store);
  const bytes = await bench.store.get(key, 1e9, bench.signal);
  assert.ok(bytes);
  const whole = await mark(bench, [root]);
  await flip(bench.store, key, PAGE_BYTES + 3);
  const hurt = await mark(bench, [root]);
  assert.deepEqual(
    hurt.unreadable.map(({ lost, certain }) => [lost, certain]),
    [[[0], true]],
  );
  await bench.store.put(objectKeys.copy(key), [bytes], {}, bench.signal);
  const healed = await mark(bench, [root]);
  assert.deepEqual([healed.unreadable, healed.data.size], [[], whole.data.size]);
});

test("a store that does not answer leaves nodes unread, which is not certain damage", async () => {
  const bench = treeBench("silent");
  const { root } = await grow(bench, one, 40, 0, 40, 1);
  const silent = gatedStore(bench.store, () => Promise.reject(new LockstepError("STORE_UNAVAILABLE", "no answer")));
  const { unreadable } = await mark(bench, root === null ? [] : [root], silent);
  assert.deepEqual([unreadable[0]?.certain, unreadable[0]?.why], [false, "no answer; no answer"]);
});

test("a pointer that breaks the order of writing is followed all the same", async () => {
  const bench = treeBench("forward");
  const writer = bench.newWriter();
  const to = (segment: ReturnType<typeof segmentId>, slot: number): Uint8Array => {
    const pointers = new Uint8Array(NODE_BYTES);
    writePointer(pointers, 0, { segment, slot, flags: 0, fingerprint: new Uint8Array(16) });
    return pointers;
  };
  const session = sessionId(9, new Uint8Array(8));
  const first = writer.add(1, to(segmentId(session, 0), 7));
  const own = segmentAt(first, 0);
  const later = segmentId(own.slice(0, 25) as typeof session, 1);
  const top = writer.add(2, to(later, 0));
  await writer.flush();
  writer.add(1, to(segmentId(session, 0), 8)); // in the segment after the one that names it
  await writer.flush();
  const { data, unreadable } = await mark(bench, [top]);
  assert.deepEqual([[...data].flatMap(({ slots }) => [...slots]), unreadable], [[8], []]);
});
