import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { alignedBuffer, concat, isAligned } from "#bytes/arrays.ts";
import { planWrites } from "#store/write-body.ts";

const mib = 1024 * 1024;

test("an aligned bulk goes direct in equal parts of about 8 MiB, its tail through the cache", () => {
  const plan = planWrites([alignedBuffer(16 * mib + 4096 + 904), new Uint8Array(100)]);
  assert.deepEqual(
    plan.map(({ bytes, offsetBytes, direct }) => [offsetBytes, bytes.length, direct]),
    [
      [0, 8 * mib + 4096, true],
      [8 * mib + 4096, 8 * mib, true],
      [16 * mib + 4096, 904, false],
      [16 * mib + 5000, 100, false],
    ],
  );
});

test("however a body is cut, its bytes are planned in order, and direct writes are aligned in all respects", () => {
  const piece = fc.tuple(fc.oneof(fc.nat(9000), fc.constantFrom(256 * 1024, mib, mib + 4096, mib + 1)), fc.boolean());
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (sizes) => {
      const body = sizes.map(([size, aligned]) => (aligned ? alignedBuffer(size) : new Uint8Array(size)));
      for (const [index, bytes] of body.entries()) bytes.fill(index + 1);
      let offset = 0;
      const plan = planWrites(body);
      for (const { bytes, offsetBytes, direct } of plan) {
        assert.equal(offsetBytes, offset);
        offset += bytes.length;
        if (direct) assert.ok(isAligned(bytes) && offsetBytes % 4096 === 0 && bytes.length % 4096 === 0);
      }
      assert.deepEqual(concat(...plan.map(({ bytes }) => bytes)), concat(...body));
    }),
    { numRuns: 30 },
  );
});
