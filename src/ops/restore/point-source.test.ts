import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { pointSource } from "#ops/restore/point-source.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { BENCH_BLOCK_BYTES as BLOCK, VaultBench, backUp } from "#testing/vaults/vault-bench.ts";

/** A disk with random blocks, a hole, and an end within a block, backed up twice. */
async function stored(seed: string) {
  const bench = new VaultBench(seed);
  const content = seededRandom(seed)(70 * BLOCK + 1000);
  content.fill(0, 9 * BLOCK, 30 * BLOCK);
  const definition = bench.disk("sda", content.length);
  const log = await bench.createMachine([definition]);
  const vault = bench.vault();
  await backUp(vault, log, definition, memoryDisk(content));
  content.set(seededRandom("change")(3 * BLOCK), 40 * BLOCK);
  const { point } = await backUp(vault, log, definition, memoryDisk(content));
  const [disk] = point.disks;
  assert.ok(disk !== undefined);
  return { bench, content, source: pointSource({ vault, log }, point, disk, null) };
}

test("any bytes of a point's disk are what was backed up", async () => {
  const { bench, content, source } = await stored("any bytes");
  assert.equal(source.sizeBytes, content.length);
  await fc.assert(
    fc.asyncProperty(fc.nat(content.length), fc.nat(20 * BLOCK), async (offset, length) => {
      const end = Math.min(content.length, offset + length);
      const read = await source.read(offset, end - offset, bench.signal);
      assert.deepEqual(Buffer.from(read), Buffer.from(content.subarray(offset, end)));
    }),
    { numRuns: 60 },
  );
});

test("bytes outside of the disk are refused, also by one", async () => {
  const { bench, content, source } = await stored("outside");
  for (const [offset, length] of [
    [-1, 1],
    [content.length, 1],
    [content.length - 10, 11],
  ] as const) {
    await assert.rejects(source.read(offset, length, bench.signal), { code: "ARGUMENT_INVALID" });
  }
});

test("damage is said with the bytes of the disk that it takes, and the others are read", async () => {
  const { bench, content, source } = await stored("damage");
  const [first = ""] = await keysOf(bench.store, (key) => key.includes("/data/"));
  await flip(bench.store, first, BLOCK);
  await assert.rejects(source.read(0, 10, bench.signal), { code: "BLOCK_DAMAGED", message: /bytes 0-4095/ });
  const at = 60 * BLOCK;
  assert.deepEqual(await source.read(at, 100, bench.signal), content.subarray(at, at + 100));
});
