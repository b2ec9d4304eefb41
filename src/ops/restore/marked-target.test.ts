import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { fromUtf8 } from "#bytes/text.ts";
import { MarkedTarget } from "#ops/restore/marked-target.ts";
import { memoryTarget } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";

const { signal } = new AbortController();
const EDGE = 64 * 1024;

test("whatever is written and zeroed, the disk then is what a plain target would be", async () => {
  const sizeBytes = fc.integer({ min: 1, max: 300_000 });
  const change = fc.record({ from: fc.nat(), length: fc.nat(100_000), zero: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(sizeBytes, fc.nat(10_000), fc.array(change, { maxLength: 5 }), async (size, surplus, changes) => {
      const random = seededRandom(`${size}`);
      const before = random(size + surplus);
      const expected = before.slice(0, size);
      const target = memoryTarget(before.slice());
      await using marked = await MarkedTarget.open(target, size, "MARK", signal);
      for (const { from, length, zero } of changes) {
        const offsetBytes = from % size;
        const bytes = zero ? new Uint8Array(length) : random(length);
        const part = bytes.subarray(0, size - offsetBytes);
        expected.set(part, offsetBytes);
        if (zero) await marked.zero({ offsetBytes, lengthBytes: part.length }, signal);
        else await marked.write(offsetBytes, part, signal);
      }
      await marked.finish(signal);
      assert.ok(Buffer.from(target.bytes).equals(expected));
    }),
    { numRuns: 60 },
  );
});

test("from before the first write until the end, both ends carry the mark", async () => {
  const before = seededRandom("marked")(4 * EDGE);
  const target = memoryTarget(before.slice());
  await using marked = await MarkedTarget.open(target, before.length, "NOT FINISHED", signal);
  assert.deepEqual(target.bytes, before);
  await marked.write(2 * EDGE, new Uint8Array(4096), signal);
  for (const end of [0, 3 * EDGE]) {
    assert.equal(fromUtf8(target.bytes.subarray(end, end + 12)), "NOT FINISHED");
    assert.ok(target.bytes.subarray(end + 12, end + EDGE).every((byte) => byte === 0));
  }
  await marked.finish(signal);
  before.fill(0, 2 * EDGE, 2 * EDGE + 4096);
  assert.deepEqual(target.bytes, before);
});

test("the mark is there when the first write fails, and no finish follows", async () => {
  const target = memoryTarget(seededRandom("full")(4 * EDGE));
  target.roomBytes = 2 * EDGE;
  await using marked = await MarkedTarget.open(target, target.sizeBytes, "NOT FINISHED", signal);
  await assert.rejects(marked.write(EDGE, new Uint8Array(4096), signal), { code: "TARGET_FULL" });
  assert.equal(fromUtf8(target.bytes.subarray(0, 12)), "NOT FINISHED");
});

test("a disk that nothing is written to is not touched, and a file that is too long only cut", async () => {
  const before = seededRandom("same")(3 * EDGE);
  const target = memoryTarget(before.slice());
  await using marked = await MarkedTarget.open(target, 2 * EDGE, "MARK", signal);
  await marked.finish(signal);
  assert.equal(target.writtenBytes, 0);
  assert.deepEqual(target.bytes, before.subarray(0, 2 * EDGE));
});

test("bytes at the ends count as changed only where they differ", async () => {
  const before = seededRandom("count")(4 * EDGE);
  const target = memoryTarget(before.slice());
  await using marked = await MarkedTarget.open(target, before.length, "MARK", signal);
  await marked.write(0, before.subarray(0, 4096), signal);
  assert.equal(marked.changedBytes, 0);
  await marked.write(4096, new Uint8Array(4096), signal);
  await marked.write(EDGE, new Uint8Array(8192), signal);
  assert.equal(marked.changedBytes, 4096 + 8192);
});
