import assert from "node:assert/strict";
import { test } from "node:test";

import type { ByteRange } from "#disk/contract.ts";
import { spotCheckRanges } from "#ops/backup/changed-ranges.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import type { MemoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { BENCH_BLOCK_BYTES, VaultBench, backUp } from "#testing/vaults/vault-bench.ts";

const BLOCK = BENCH_BLOCK_BYTES;
const BLOCKS = 10;

/** A disk of which a point was taken, and the check of a list of changes since then. */
async function withPoint(seed: string, unreadable: readonly ByteRange[] = []) {
  const bench = new VaultBench(seed);
  const content = seededRandom(seed)(BLOCKS * BLOCK - 100);
  content.fill(0, 0, BLOCK);
  const definition = bench.disk("sda", content.length);
  const vault = bench.vault();
  const log = await bench.createMachine([definition]);
  const { point } = await backUp(vault, log, definition, memoryDisk(content, { unreadable }), { skipUnreadable: true });
  const [disk] = point.disks;
  assert.ok(disk !== undefined);
  const check = (source: MemoryDisk, ranges: readonly ByteRange[]): Promise<void> =>
    spotCheckRanges(
      { vault, log, source },
      { point: point.point, disk, blockBytes: BLOCK },
      ranges,
      seededRandom(`${seed} sample`),
      bench.signal,
    );
  return { content, check };
}

test("a list that names what changed passes, also where the change is not whole blocks", async () => {
  const { content, check } = await withPoint("true");
  content.fill(1, 2 * BLOCK + 10, 3 * BLOCK + 10);
  await check(memoryDisk(content), [{ offsetBytes: 2 * BLOCK + 10, lengthBytes: BLOCK }]);
});

test("a block that changed and is not listed is found where it is drawn: of zeros, of data, and the last one", async () => {
  for (const block of [0, 4, BLOCKS - 1]) {
    const { content, check } = await withPoint(`untrue ${block}`);
    content.fill(1, block * BLOCK, block * BLOCK + 1);
    content.fill(2, block * BLOCK + 1, block * BLOCK + 2);
    const others = [
      { offsetBytes: 0, lengthBytes: block * BLOCK },
      { offsetBytes: (block + 1) * BLOCK, lengthBytes: Math.max(0, content.length - (block + 1) * BLOCK) },
    ].filter(({ lengthBytes }) => lengthBytes > 0);
    const message = new RegExp(`bytes ${block * BLOCK} to `);
    await assert.rejects(check(memoryDisk(content), others), { code: "RANGES_UNTRUE", message });
  }
});

test("blocks that cannot be read, now or when the point was taken, prove nothing", async () => {
  const bad = { offsetBytes: 5 * BLOCK, lengthBytes: 512 };
  const before = await withPoint("unreadable before", [bad]);
  await before.check(memoryDisk(before.content), []);
  const now = await withPoint("unreadable now");
  now.content.fill(1, bad.offsetBytes, bad.offsetBytes + 10);
  await now.check(memoryDisk(now.content, { unreadable: [bad] }), []);
});
