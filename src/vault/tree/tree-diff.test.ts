import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { backUp, BENCH_BLOCK_BYTES as BLOCK, VaultBench } from "#testing/vaults/vault-bench.ts";
import type { PointState } from "#vault/fold/fold.ts";
import { rootFromText } from "#vault/segments/pointer.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { diffTrees } from "#vault/tree/tree-diff.ts";
import type { BlockRange } from "#vault/tree/tree-diff.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";
import { segmentReader } from "#vault/vault.ts";

const { signal } = new AbortController();

/** Counts the nodes that are asked for. */
class CountingReader extends NodeReader {
  nodes = 0;

  override loaded(...of: Parameters<NodeReader["loaded"]>): Uint8Array | null {
    this.nodes++;
    return super.loaded(...of);
  }
}

async function pointsOf(
  seed: string,
  versions: readonly Uint8Array[],
): Promise<{ points: readonly PointState[]; reader: CountingReader }> {
  const bench = new VaultBench(seed);
  const definition = bench.disk("sda", 1);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  const points = [];
  for (const content of versions) points.push((await backUp(vault, log, definition, memoryDisk(content))).point);
  return { points, reader: new CountingReader(segmentReader(vault, log, null), vault.keyring.keys, definition.id) };
}

function treeOf(point: PointState | undefined): TreeShape {
  const disk = point?.disks[0];
  return { root: rootFromText(disk?.root ?? null), blocks: Math.ceil((disk?.sizeBytes ?? 1) / BLOCK) };
}

async function diff(reader: NodeReader, a: TreeShape, b: TreeShape): Promise<readonly BlockRange[]> {
  return Array.fromAsync(diffTrees(reader, a, b, signal));
}

/** What `diffTrees` should say, by looking at every block; one that is not there is zeros. */
function slowDiff(a: Uint8Array, b: Uint8Array): readonly number[] {
  const blocks = Math.ceil(Math.max(a.length, b.length) / BLOCK);
  const blockOf = (bytes: Uint8Array, number: number): Buffer => {
    const block = Buffer.from(bytes.subarray(number * BLOCK, (number + 1) * BLOCK));
    return block.every((byte) => byte === 0) ? Buffer.alloc(0) : block;
  };
  return Array.from({ length: blocks }, (_, number) => number).filter(
    (number) => !blockOf(a, number).equals(blockOf(b, number)),
  );
}

test("it finds exactly the blocks that differ, however the disk grew or shrank", async () => {
  const change = fc.record({ at: fc.nat(600_000), length: fc.integer({ min: 1, max: 40_000 }), zero: fc.boolean() });
  const version = fc.record({
    sizeBytes: fc.integer({ min: 1, max: 600_000 }),
    changes: fc.array(change, { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.tuple(version, version), fc.integer(), async (two, seed) => {
      const random = seededRandom(`${seed}`);
      const contents: Uint8Array[] = [];
      for (const { sizeBytes, changes } of two) {
        const content = new Uint8Array(sizeBytes);
        content.set((contents.at(-1) ?? content).subarray(0, sizeBytes));
        for (const { at, length, zero } of changes) {
          const part = content.subarray(at, at + length);
          if (zero) part.fill(0);
          else part.set(random(part.length));
        }
        contents.push(content);
      }
      const { points, reader } = await pointsOf(`diff ${seed}`, contents);
      const [a = new Uint8Array(), b = new Uint8Array()] = contents;
      for (const [from, to] of [[0, 1] as const, [1, 0] as const]) {
        const ranges = await diff(reader, treeOf(points[from]), treeOf(points[to]));
        const blocks = ranges.flatMap(({ firstBlock, blocks: count }) =>
          Array.from({ length: count }, (_, i) => firstBlock + i),
        );
        assert.deepEqual(blocks, slowDiff(a, b));
        for (const [i, { firstBlock }] of ranges.entries()) {
          const before = ranges[i - 1];
          assert.ok(before === undefined || before.firstBlock + before.blocks < firstBlock, "ranges do not touch");
        }
      }
    }),
    { numRuns: 25 },
  );
});

test("what both trees share is not read", async () => {
  const content = new Uint8Array(4096 * BLOCK);
  for (let block = 0; block < 4096; block += 64) content[block * BLOCK] = 1;
  const changed = content.slice();
  changed[65 * BLOCK] = 1;
  const { points, reader } = await pointsOf("shared", [content, changed]);
  const ranges = await diff(reader, treeOf(points[0]), treeOf(points[1]));
  assert.deepEqual(ranges, [{ firstBlock: 65, blocks: 1 }]);
  const levels = 3;
  assert.equal(reader.nodes, 2 * levels);
});

test("two points of the same content share everything, and no node is read", async () => {
  const content = seededRandom("same")(40 * BLOCK);
  const { points, reader } = await pointsOf("same", [content, content]);
  assert.deepEqual(await diff(reader, treeOf(points[0]), treeOf(points[1])), []);
  assert.equal(reader.nodes, 0);
});
