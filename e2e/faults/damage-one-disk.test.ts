import assert from "node:assert/strict";

import { testDamage } from "./damage-matrix.ts";

testDamage(
  true,
  ({ kind }) => !kind.includes("data"),
  ({ way, found, aftermath: { failures, later } }) => {
    assert.deepEqual([found.error, found.lost.size], [null, 0], `${way}: one damaged object hurt a restore`);
    assert.deepEqual(
      [failures, later.error, later.lost.size],
      [[], null, 0],
      `${way}: one damaged object stopped work`,
    );
  },
);
