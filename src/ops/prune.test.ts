import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { deletePoint } from "#ops/delete-points.ts";
import { memoryStore } from "#store/memory.ts";
import { keysOf } from "#testing/damage.ts";
import { MaintenanceBench } from "#testing/maintenance-bench.ts";

async function sizeOf(bench: MaintenanceBench): Promise<number> {
  let bytes = 0;
  for (const prefix of ["machines/", "copies/machines/"]) {
    for await (const { key, sizeBytes } of bench.store.list(prefix, {}, bench.signal)) {
      if (!key.includes("/log/") && !key.includes("/summaries/")) bytes += sizeBytes;
    }
  }
  return bytes;
}

test("whatever was backed up and deleted: a prune frees what the dry run says, the next finds nothing, and all points read back", async () => {
  const step = fc.record({ first: fc.nat(60), count: fc.integer({ min: 1, max: 40 }), gone: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.nat(),
      async (steps, singleDisk, seed) => {
        const bench = await MaintenanceBench.make(`prune ${seed}`, 100, { store: memoryStore({ singleDisk }) });
        for (const { first, count, gone } of steps) {
          bench.change(first, count);
          const { point } = await bench.backUp();
          if (gone) await deletePoint(bench.log, point.point, "test", bench.signal);
        }
        await bench.pass(15);
        const before = await sizeOf(bench);
        const keys = await keysOf(bench.store);
        const foreseen = await bench.prune({ dryRun: true });
        assert.deepEqual(await keysOf(bench.store), keys);
        const done = await bench.prune();
        assert.deepEqual({ ...done, summaries: 0 }, { ...foreseen, summaries: 0 });
        assert.equal(before - (await sizeOf(bench)), done.swept.bytes + done.rewritten.freedBytes);
        assert.equal(done.purged.length, steps.filter(({ gone }) => gone).length);
        const again = await bench.prune();
        assert.deepEqual([again.swept.objects, again.rewritten.segments, again.purged], [0, 0, []]);
        assert.deepEqual(await bench.unlike(), []);
        if (steps.every(({ gone }) => gone)) assert.equal(await sizeOf(bench), 0);
      },
    ),
    { numRuns: 15 },
  );
});
