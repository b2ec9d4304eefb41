import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  AUDIT_EVERY_MS,
  COPY_TERM_MS,
  FULL_EVERY_MS,
  INCREMENTS_LIMIT,
  REPORTED_EVERY_MS,
  copiesPastTerm,
  planCopy,
} from "#keys/copies/copy-plan.ts";
import type { ChainCopy, CopyState, PlacedCopy } from "#keys/copies/copy-plan.ts";

const nowMs = 10 * FULL_EVERY_MS;

function chain(increments: number, change: Partial<ChainCopy> = {}): ChainCopy[] {
  return Array.from({ length: increments + 1 }, (_, at) => ({
    number: at + 1,
    kind: at === 0 ? "full" : "increment",
    writtenMs: nowMs,
    kit: "kit",
    schema: 1,
    places: new Set(["a", "b"]),
    ...change,
  }));
}

function state(change: Partial<CopyState>): CopyState {
  const nothing = {
    changed: false,
    reported: false,
    audited: false,
    destroyed: false,
    kit: "kit",
    schema: 1,
    reachable: ["a", "b"],
  };
  return { nowMs, chain: chain(1), ...nothing, ...change };
}

test("each case has its copy", () => {
  const oneMissing = [
    ...chain(1),
    { ...chain(0)[0], number: 3, kind: "increment", places: new Set(["a"]) },
  ] as ChainCopy[];
  const cases: readonly (readonly [string, Partial<CopyState>, "full" | "increment" | null])[] = [
    ["nothing happened", {}, null],
    ["something changed", { changed: true }, "increment"],
    ["there is none", { chain: [] }, "full"],
    ["a new kit", { kit: "other" }, "full"],
    ["a new schema", { schema: 2 }, "full"],
    ["a version was destroyed", { destroyed: true }, "full"],
    ["a place lacks one", { chain: oneMissing }, "full"],
    ["a place that is away lacks one", { chain: oneMissing, reachable: ["a"] }, null],
    ["a new place", { reachable: ["a", "b", "c"] }, "full"],
    ["the last increment that may be", { chain: chain(INCREMENTS_LIMIT - 1), changed: true }, "increment"],
    ["one too many", { chain: chain(INCREMENTS_LIMIT), changed: true }, "full"],
    ["many, and nothing changed", { chain: chain(INCREMENTS_LIMIT) }, null],
    ["an old one", { chain: chain(0, { writtenMs: nowMs - FULL_EVERY_MS }), changed: true }, "full"],
    ["an old one, and nothing changed", { chain: chain(0, { writtenMs: nowMs - FULL_EVERY_MS }) }, null],
    ["a report", { reported: true }, null],
    [
      "a report, an hour later",
      { chain: chain(1, { writtenMs: nowMs - REPORTED_EVERY_MS }), reported: true },
      "increment",
    ],
    ["an audit entry", { audited: true }, null],
    [
      "an audit entry of yesterday",
      { chain: chain(1, { writtenMs: nowMs - AUDIT_EVERY_MS }), audited: true },
      "increment",
    ],
  ];
  for (const [name, change, expected] of cases) assert.equal(planCopy(state(change)), expected, name);
});

test("what is deleted is older than its term, and comes before a full copy that was read back", () => {
  const copy = fc.record<PlacedCopy>({
    epoch: fc.integer({ min: 1, max: 3 }),
    number: fc.integer({ min: 1, max: 20 }),
    kind: fc.constantFrom("full", "increment", null),
    writtenMs: fc.integer({ min: 0, max: nowMs }),
    isVerified: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(copy), (copies) => {
      const gone = new Set(copiesPastTerm(copies, nowMs));
      for (const each of gone) {
        assert.ok(nowMs - each.writtenMs >= COPY_TERM_MS);
        const later = ({ epoch, number }: PlacedCopy): boolean =>
          epoch > each.epoch || (epoch === each.epoch && number > each.number);
        assert.ok(
          copies.some((other) => other.kind === "full" && other.isVerified && later(other) && !gone.has(other)),
        );
      }
    }),
  );
});
