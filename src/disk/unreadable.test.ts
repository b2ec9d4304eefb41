import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { ByteRange } from "#disk/contract.ts";
import { readWhatCanBe, unreadable } from "#disk/unreadable.ts";

const SECTOR = 512;
const signal = new AbortController().signal;

function mediumError(code: string): Error {
  return Object.assign(new Error(code), { code, errno: -5 });
}

/** A medium whose bytes are all 1, and whose given sectors cannot be read. */
function medium(badSectors: ReadonlySet<number>): (offsetBytes: number, into: Uint8Array) => Promise<void> {
  return async (offsetBytes, into) => {
    for (let at = offsetBytes; at < offsetBytes + into.length; at++) {
      if (badSectors.has(Math.floor(at / SECTOR))) throw mediumError("EIO");
    }
    into.fill(1);
  };
}

test("exactly the bad sectors are zeros and named, wherever the piece starts and ends", async () => {
  const inputs = fc.tuple(
    fc.uniqueArray(fc.nat(63), { maxLength: 8 }),
    fc.nat(10_000),
    fc.integer({ min: 1, max: 20_000 }),
  );
  await fc.assert(
    fc.asyncProperty(inputs, async ([sectors, offsetBytes, length]) => {
      const bad = new Set(sectors);
      const into = new Uint8Array(length).fill(9);
      const ranges = await readWhatCanBe(medium(bad), offsetBytes, into, signal);

      const named = new Uint8Array(length).fill(1);
      for (const range of ranges) {
        named.fill(0, range.offsetBytes - offsetBytes, range.offsetBytes - offsetBytes + range.lengthBytes);
      }
      const truth = Uint8Array.from(into, (_, at) => (bad.has(Math.floor((offsetBytes + at) / SECTOR)) ? 0 : 1));
      assert.deepEqual(into, truth);
      assert.deepEqual(named, truth);
      for (const [index, range] of ranges.entries()) {
        const before = ranges[index - 1];
        assert.ok(before === undefined || before.offsetBytes + before.lengthBytes < range.offsetBytes);
      }
    }),
    { numRuns: 60 },
  );
});

test("one bad sector in 8 MiB is found in few reads", async () => {
  let reads = 0;
  const read = medium(new Set([5000]));
  const counting = async (offsetBytes: number, into: Uint8Array): Promise<void> => {
    reads++;
    await read(offsetBytes, into);
  };
  const ranges = await readWhatCanBe(counting, 0, new Uint8Array(8 * 1024 * 1024), signal);
  assert.deepEqual(ranges, [{ offsetBytes: 5000 * SECTOR, lengthBytes: SECTOR }]);
  assert.ok(reads <= 2 * 14 + 1, `${reads} reads`);
});

test("an error of the disk as a whole is not taken for bad sectors", async () => {
  const gone = async (): Promise<void> => {
    throw mediumError("ENXIO");
  };
  await assert.rejects(readWhatCanBe(gone, 0, new Uint8Array(4096), signal), { code: "ENXIO" });
});

test("the search can be cancelled", async () => {
  const cancel = new AbortController();
  const read = async (): Promise<void> => {
    cancel.abort(new Error("enough"));
    throw mediumError("EIO");
  };
  await assert.rejects(readWhatCanBe(read, 0, new Uint8Array(4096), cancel.signal), /enough/);
});

test("the error names the bytes, and does not grow with the damage", () => {
  const range = (offsetBytes: number): ByteRange => ({ offsetBytes, lengthBytes: 512 });
  assert.match(unreadable("/dev/sdb", [range(1024)]).message, /^reading \/dev\/sdb: bytes 1024-1535 cannot be read$/);
  const many = Array.from({ length: 1000 }, (_, index) => range(index * 1024));
  assert.match(unreadable("/dev/sdb", many).message, /3072-3583 and 996 more stretches/);
});
