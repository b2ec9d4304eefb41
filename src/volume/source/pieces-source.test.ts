import assert from "node:assert/strict";
import { test } from "node:test";

import { piecesSource } from "#volume/source/pieces-source.ts";

const { signal } = new AbortController();
const size = { sizeBytes: 20, sectorBytes: null };
const piece = (offsetBytes: number, ...bytes: readonly number[]) => ({ offsetBytes, bytes: Uint8Array.from(bytes) });

test("pieces are where they lie, and zeros between them", async () => {
  const source = piecesSource(size, [piece(2, 1, 2), piece(4, 3), piece(18, 4, 5)]);
  assert.deepEqual([...(await source.read(0, 6, signal))], [0, 0, 1, 2, 3, 0]);
  assert.deepEqual([...(await source.read(3, 2, signal))], [2, 3]);
  assert.deepEqual([...(await source.read(17, 3, signal))], [0, 4, 5]);
});

test("pieces that are not ascending, overlap or reach beyond the volume are refused", () => {
  for (const pieces of [[piece(4, 1), piece(2, 1)], [piece(2, 1, 2), piece(3, 1)], [piece(19, 1, 2)], [piece(-1, 1)]]) {
    assert.throws(() => piecesSource(size, pieces), { code: "ARGUMENT_INVALID", message: /^pieces of a volume: / });
  }
});

test("a read outside the volume is refused", async () => {
  const source = piecesSource(size, []);
  await assert.rejects(source.read(19, 2, signal), { code: "ARGUMENT_INVALID" });
  await assert.rejects(source.read(-1, 1, signal), { code: "ARGUMENT_INVALID" });
});
