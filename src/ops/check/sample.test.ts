import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { BlockSample, randomBelow } from "#ops/check/sample.ts";
import { seededRandom } from "#testing/random.ts";

test("a random number is below its limit, and takes every value", () => {
  const random = seededRandom("below");
  const seen = new Set(Array.from({ length: 200 }, () => randomBelow(5, random)));
  assert.deepEqual(seen, new Set([0, 1, 2, 3, 4]));
  const largest = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);
  assert.equal(randomBelow(2 ** 48, largest), 2 ** 48 - 1);
});

test("only blocks that were shown are drawn, each once, in order", () => {
  const run = fc.record({ gap: fc.nat(5), count: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 10 }), fc.string(), (runs, seed) => {
      const sample = new BlockSample(16, seededRandom(seed));
      const shown = new Set<number>();
      let first = 0;
      for (const { gap, count } of runs) {
        first += gap;
        sample.show({ first, count });
        for (let block = first; block < first + count; block++) shown.add(block);
        first += count;
      }
      const { blocks } = sample;
      assert.ok(blocks.every((block) => shown.has(block)));
      assert.deepEqual(
        blocks,
        [...new Set(blocks)].sort((a, b) => a - b),
      );
      assert.equal(blocks.length === 0, shown.size === 0);
    }),
  );
});

test("a block of a short run is as likely as one of a long run, whichever comes first", () => {
  const random = seededRandom("likely");
  let early = 0;
  for (let round = 0; round < 500; round++) {
    const sample = new BlockSample(1, random);
    sample.show({ first: 0, count: 10 });
    sample.show({ first: 10, count: 90 });
    if ((sample.blocks[0] ?? 0) < 10) early++;
  }
  assert.ok(early > 25 && early < 85, `${early} of 500, where 50 are expected`);
});
