import assert from "node:assert/strict";
import { test } from "node:test";

import { whySilent } from "#keys/vaults/silent-vaults.ts";
import type { Heard } from "#keys/vaults/silent-vaults.ts";

const heard: Heard = { retired: false, epoch: 2, day: 100, reported: true, holdsPoints: true };

const cases: readonly [what: string, change: Partial<Heard>, day: number, why: string | null][] = [
  ["it reported today", {}, 100, null],
  ["it reported 7 counted days ago", {}, 107, null],
  ["it reported 8 counted days ago", {}, 108, "it has not reported for 8 counted days"],
  ["it holds no points", { holdsPoints: false }, 200, null],
  ["it was enrolled a week ago and never reported", { reported: false, holdsPoints: false }, 107, null],
  ["it never reported", { reported: false, holdsPoints: false }, 108, "it never reported, in 8 counted days"],
  [
    "it last reported before a recovery",
    { epoch: 1 },
    100,
    "not all of its machines were reported since the key store was recovered",
  ],
  [
    "it never reported, and was enrolled before a recovery",
    { epoch: 1, reported: false, holdsPoints: false },
    100,
    "not all of its machines were reported since the key store was recovered",
  ],
  ["it is retired", { retired: true, epoch: 1 }, 200, null],
];
for (const [what, change, day, why] of cases) {
  test(`a vault: ${what}`, () => assert.equal(whySilent({ ...heard, ...change }, { epoch: 2, day }), why));
}
