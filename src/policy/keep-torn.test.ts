import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { decideKeepWithTorn } from "#policy/keep-torn.ts";
import type { MaybeTornPoint } from "#policy/keep-torn.ts";
import { decideKeep } from "#policy/keep.ts";

const start = Temporal.Instant.from("2026-01-01T00:00:00Z");
const points = fc
  .uniqueArray(fc.tuple(fc.nat(5000), fc.boolean()), { maxLength: 30, selector: ([hours]) => hours })
  .map((all) => all.map(([hours, torn]): MaybeTornPoint => ({ id: String(hours), at: start.add({ hours }), torn })));
const rule = fc.record({ last: fc.nat(3), daily: fc.nat(5), weekly: fc.nat(3), monthly: fc.nat(3) });

const keptOf = (decisions: readonly { readonly point: MaybeTornPoint; readonly keep: boolean }[]): string[] =>
  decisions.filter(({ keep }) => keep).map(({ point }) => point.id);

test("a torn point never takes an untorn one's place", () => {
  fc.assert(
    fc.property(points, rule, (all, keep) => {
      const untorn = all.filter(({ torn }) => !torn);
      const kept = keptOf(decideKeepWithTorn(all, keep, "UTC"));
      for (const id of keptOf(decideKeep(untorn, keep, "UTC"))) assert.ok(kept.includes(id), id);
    }),
  );
});

test("what is kept of all points is kept, and the newest is among it", () => {
  fc.assert(
    fc.property(points, rule, (all, keep) => {
      const decisions = decideKeepWithTorn(all, keep, "UTC");
      const kept = keptOf(decisions);
      for (const id of keptOf(decideKeep(all, keep, "UTC"))) assert.ok(kept.includes(id), id);
      assert.equal(decisions.length, all.length);
      if (all.length > 0) assert.equal(decisions[0]?.keep, true);
    }),
  );
});

test("whether points that are not kept are gone already changes nothing for the rest", () => {
  fc.assert(
    fc.property(points, rule, fc.infiniteStream(fc.boolean()), (all, keep, gone) => {
      const kept = keptOf(decideKeepWithTorn(all, keep, "UTC"));
      const left = all.filter(({ id }) => kept.includes(id) || gone.next().value);
      assert.deepEqual(keptOf(decideKeepWithTorn(left, keep, "UTC")), kept);
    }),
  );
});
