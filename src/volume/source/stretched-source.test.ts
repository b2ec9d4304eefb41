import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { memorySource } from "#volume/source/source.ts";
import { stretchedSource } from "#volume/source/stretched-source.ts";

const { signal } = new AbortController();

test("stretches read as one volume, wherever a read begins and ends", async () => {
  const disk = Uint8Array.from({ length: 200 }, (_, index) => index);
  const stretches = fc.array(fc.record({ offsetBytes: fc.nat(150), lengthBytes: fc.integer({ min: 0, max: 50 }) }), {
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(stretches, fc.nat(), fc.nat(), async (places, a, b) => {
      const whole = concat(
        ...places.map(({ offsetBytes, lengthBytes }) => disk.subarray(offsetBytes, offsetBytes + lengthBytes)),
      );
      const source = stretchedSource(memorySource(disk), places);
      assert.equal(source.sizeBytes, whole.length);
      const from = a % (whole.length + 1);
      const length = b % (whole.length - from + 1);
      assert.deepEqual(await source.read(from, length, signal), whole.slice(from, from + length));
      await assert.rejects(source.read(from, whole.length - from + 1, signal), { code: "ARGUMENT_INVALID" });
    }),
  );
});
