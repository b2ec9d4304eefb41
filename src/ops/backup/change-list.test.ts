import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { backup } from "#ops/backup/backup.ts";
import { changedRanges, parseChangeList } from "#ops/backup/change-list.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import {
  BENCH_BLOCK_BYTES,
  backUp,
  benchBackupOptions,
  benchSource,
  readBack,
  VaultBench,
} from "#testing/vaults/vault-bench.ts";
import type { PointId } from "#vault/object/ids.ts";

const since = "3d29831691747eccfbfa6f044f120efc" as PointId;
const listOf = (disks: object) => parseChangeList(JSON.stringify({ since, disks }), "list.json");
const root = { name: "root", blockBytes: 4096 };

test("reads what is documented, and refuses anything else by name", () => {
  assert.deepEqual(listOf({ root: [[0, 512]], data: [] }).disks.get("root"), [{ offsetBytes: 0, lengthBytes: 512 }]);
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ["no JSON", /list\.json: it is not JSON/],
    [{ since: "3d29", disks: {} }, /since: it is not a point's id/],
    [{ since, disks: {}, disk: {} }, /disk/],
    [{ since, disks: { root: [[-1, 5]] } }, /disks\.root\.0\.0/],
    [{ since, disks: { root: [[1.5, 5]] } }, /disks\.root\.0\.0/],
    [{ since, disks: { root: [[1]] } }, /disks\.root\.0/],
    [{ since, disks: { root: [[2 ** 53, 1]] } }, /disks\.root\.0\.0/],
  ];
  for (const [content, message] of wrong) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    assert.throws(() => parseChangeList(text, "list.json"), { code: "RANGES_INVALID", message });
  }
});

test("a disk that is not named, and a range outside of the disk, are refused", () => {
  const size = { sizeBytes: 8192, baseSizeBytes: 8192 };
  assert.throws(() => changedRanges(listOf({}), root, size), { code: "RANGES_INVALID", message: /do not name/ });
  assert.throws(() => changedRanges(listOf({ root: [[8000, 193]] }), root, size), { code: "RANGES_INVALID" });
  assert.deepEqual(changedRanges(listOf({ root: [[8000, 192]] }), root, size), [
    { offsetBytes: 8000, lengthBytes: 192 },
  ]);
});

test("ranges come out in order and not touching, and empty ones not at all", () => {
  const size = { sizeBytes: 100_000, baseSizeBytes: 100_000 };
  const list = listOf({
    root: [
      [500, 100],
      [10, 20],
      [30, 5],
      [520, 10],
      [90_000, 0],
      [550, 100],
    ],
  });
  assert.deepEqual(changedRanges(list, root, size), [
    { offsetBytes: 10, lengthBytes: 25 },
    { offsetBytes: 500, lengthBytes: 150 },
  ]);
});

test("a point by a list of changes is the disk bit for bit, also when that grew or shrank", async () => {
  const size = fc.integer({ min: 1, max: 60_000 });
  const change = fc.tuple(fc.nat(59_999), fc.integer({ min: 1, max: 9000 }));
  await fc.assert(
    fc.asyncProperty(
      size,
      size,
      fc.array(change, { maxLength: 4 }),
      fc.integer(),
      async (before, after, changes, seed) => {
        const bench = new VaultBench(`ranges ${seed}`);
        const random = seededRandom(`ranges content ${seed}`);
        const definition = bench.disk("sda", before);
        const vault = bench.vault();
        const log = await bench.createMachine([definition]);
        const first = random(before);
        const { point: base } = await backUp(vault, log, definition, memoryDisk(first));

        const content = new Uint8Array(after);
        content.set(first.subarray(0, after));
        if (after > before) content.set(random(after - before), before);
        const listed = changes.filter(([at, length]) => at + length <= after);
        for (const [at, length] of listed) content.set(random(length), at);
        const list = parseChangeList(JSON.stringify({ since: base.point, disks: { sda: listed } }), "list.json");
        const ranges = changedRanges(list, definition, { sizeBytes: after, baseSizeBytes: before });
        const source = benchSource(definition, memoryDisk(content), { changes: { kind: "ranges", ranges } });
        const options = { ...benchBackupOptions, changesSince: base.point };
        const { point } = await backup(vault, log, [source], options, bench.signal);

        const { bytes } = await readBack(vault, log, point, definition);
        assert.deepEqual(Buffer.from(bytes), Buffer.from(content));
        const read = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes + 2 * BENCH_BLOCK_BYTES, 0);
        assert.ok(point.readBytes <= read, `${point.readBytes} bytes were read for ${read}`);
      },
    ),
    { numRuns: 12 },
  );
});
