import assert from "node:assert/strict";
import { test } from "node:test";

import { RestoreWindow } from "#ops/restore/restore-window.ts";

const BLOCK = 16;

test("blocks lie one after the other, and only neighbours on the disk are written together", () => {
  const window = new RestoreWindow([3, 4, 9, 10, 11, 20], BLOCK, new Uint8Array(6 * BLOCK));
  assert.equal(window.place(9, BLOCK), 2 * BLOCK);
  for (const block of [3, 4, 10, 11]) window.place(block, BLOCK);
  window.place(20, 5);
  const runs = [...window.runs(1000)].map(({ offsetBytes, bytes }) => [offsetBytes, bytes.byteOffset, bytes.length]);
  assert.deepEqual(runs, [
    [3 * BLOCK, 0, 2 * BLOCK],
    [9 * BLOCK, 2 * BLOCK, 3 * BLOCK],
    [20 * BLOCK, 5 * BLOCK, 5],
  ]);
});

test("no run is longer than was asked for, nor shorter than a block", () => {
  const window = new RestoreWindow([0, 1, 2, 3, 4], BLOCK, new Uint8Array(5 * BLOCK));
  for (let block = 0; block < 5; block++) window.place(block, BLOCK);
  const lengths = (most: number): number[] => [...window.runs(most)].map(({ bytes }) => bytes.length / BLOCK);
  assert.deepEqual(lengths(2 * BLOCK), [2, 2, 1]);
  assert.deepEqual(lengths(1), [1, 1, 1, 1, 1]);
});
