import assert from "node:assert/strict";
import { test } from "node:test";

import { spotCheckHoles, withoutHoles } from "#ops/check/spot-check.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";

const BLOCK = 4096;
const { signal } = new AbortController();

test("holes of zeros are believed, and the rest is counted", async () => {
  const bytes = new Uint8Array(20 * BLOCK).fill(7, 0, 3 * BLOCK);
  const disk = memoryDisk(bytes, { holes: [{ offsetBytes: 3 * BLOCK, lengthBytes: 17 * BLOCK }] });
  const found = await spotCheckHoles(disk, BLOCK, seededRandom("zeros"), signal);
  assert.deepEqual(found, { dataBytes: 3 * BLOCK, untrueAtBytes: null });
});

test("a hole that is data is found out, wherever it is", async () => {
  const bytes = new Uint8Array(20 * BLOCK).fill(7);
  for (const [offset, count] of [
    [0, 4],
    [8, 4],
    [16, 4],
  ] as const) {
    const hole = { offsetBytes: offset * BLOCK, lengthBytes: count * BLOCK };
    const disk = memoryDisk(bytes, { holes: [hole] });
    const { untrueAtBytes } = await spotCheckHoles(disk, BLOCK, seededRandom("data"), signal);
    assert.ok(untrueAtBytes !== null && untrueAtBytes >= hole.offsetBytes);
    assert.ok(untrueAtBytes < hole.offsetBytes + hole.lengthBytes);
  }
});

test("a block of a hole that cannot be read proves nothing", async () => {
  const whole = { offsetBytes: 0, lengthBytes: 4 * BLOCK };
  const disk = memoryDisk(new Uint8Array(4 * BLOCK).fill(7), { holes: [whole], unreadable: [whole] });
  const found = await spotCheckHoles(disk, BLOCK, seededRandom("unreadable"), signal);
  assert.equal(found.untrueAtBytes, null);
});

test("a disk that is not believed about holes gives all of itself", async () => {
  const bytes = seededRandom("whole")(3 * BLOCK);
  const disk = withoutHoles(memoryDisk(bytes, { holes: [{ offsetBytes: 0, lengthBytes: BLOCK }] }));
  const ranges = await Array.fromAsync(disk.dataRanges(signal));
  assert.deepEqual(ranges, [{ offsetBytes: 0, lengthBytes: 3 * BLOCK }]);
  const into = new Uint8Array(BLOCK);
  await disk.read(BLOCK, into, signal);
  assert.deepEqual(into, bytes.subarray(BLOCK, 2 * BLOCK));
});
