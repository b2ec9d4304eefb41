import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { decideKeep, formatKeep, isEmptyKeep, parseKeep } from "#policy/keep.ts";
import type { KeepRule } from "#policy/keep.ts";
import { newestFirst } from "#policy/order.ts";
import type { DatedPoint } from "#policy/order.ts";

const at = (text: string): Temporal.Instant => Temporal.Instant.from(text);
const point = (id: string, when: string): DatedPoint => ({ id, at: at(when) });
const day = (id: number, date: string): DatedPoint => point(String(id), `${date}T03:00:00Z`);

function keptIds(points: readonly DatedPoint[], rule: KeepRule | undefined, timeZone: string): string[] {
  return decideKeep(points, rule, timeZone)
    .filter(({ keep }) => keep)
    .map(({ point: kept }) => kept.id);
}

const count = fc.integer({ min: 0, max: 5 });
const anyRule: fc.Arbitrary<KeepRule> = fc.record(
  { last: count, daily: count, weekly: count, monthly: count, yearly: count },
  { requiredKeys: [] },
);
const rule = anyRule.filter((each) => !isEmptyKeep(each));
const timeZone = fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kolkata");
const hour = 3_600_000;
const instant = fc.oneof(
  // Hours around days on which clocks were set, also just after midnight, and hours of many years.
  fc.integer({ min: 0, max: 24 * 14 }).map((hours) => at("2005-10-25T02:31:00Z").add({ hours })),
  fc.integer({ min: 0, max: 24 * 365 * 12 }).map((hours) => Temporal.Instant.fromEpochMilliseconds(hours * hour)),
);
const points = fc.uniqueArray(fc.record({ id: fc.stringMatching(/^[0-9a-f]{2}$/), at: instant }), {
  selector: ({ id }) => id,
  minLength: 1,
  maxLength: 40,
});

test("a rule counts points, not elapsed days", () => {
  const found = [day(1, "2019-03-01"), day(2, "2026-11-18"), day(3, "2026-11-20"), day(4, "2026-11-23")];
  assert.deepEqual(keptIds(found, { daily: 3 }, "UTC"), ["4", "3", "2"]);
  assert.deepEqual(keptIds(found, { daily: 7 }, "UTC"), ["4", "3", "2", "1"]);
});

test("of each day the newest point is kept, and reasons say which of how many it is", () => {
  const found = [
    point("a", "2026-11-20T01:00:00Z"),
    point("b", "2026-11-20T23:00:00Z"),
    point("c", "2026-11-23T14:05:00Z"),
  ];
  assert.deepEqual(decideKeep(found, { last: 1, daily: 7, weekly: 4 }, "UTC"), [
    {
      point: found[2],
      keep: true,
      reasons: ["newest", "last 1 of 1", "daily 1 of 7 (2026-11-23)", "weekly 1 of 4 (2026-W48)"],
    },
    { point: found[1], keep: true, reasons: ["daily 2 of 7 (2026-11-20)", "weekly 2 of 4 (2026-W47)"] },
    { point: found[0], keep: false, reasons: [] },
  ]);
});

test("where a day begins depends on the time zone", () => {
  const found = [point("a", "2026-11-19T22:30:00Z"), point("b", "2026-11-19T23:30:00Z")];
  assert.deepEqual(keptIds(found, { daily: 2 }, "UTC"), ["b"]);
  assert.deepEqual(keptIds(found, { daily: 2 }, "Europe/Berlin"), ["b", "a"]);
});

test("an empty rule, and none, keep everything", () => {
  const found = [day(1, "2019-03-01"), day(2, "2019-03-01")];
  for (const empty of [undefined, {}, { daily: 0 }, parseKeep("all")]) {
    assert.deepEqual(keptIds(found, empty, "UTC"), ["2", "1"]);
  }
});

test("the newest is kept by every rule, and of points at one instant the greatest id is the newest", () => {
  fc.assert(
    fc.property(points, anyRule, timeZone, (found, each, zone) => {
      const [first] = decideKeep(found, each, zone);
      assert.equal(first?.keep, true);
      for (const other of found) {
        const order = Temporal.Instant.compare(first.point.at, other.at);
        assert.ok(order > 0 || (order === 0 && first.point.id >= other.id));
      }
    }),
  );
});

test("the order of the input does not matter", () => {
  fc.assert(
    fc.property(points, anyRule, timeZone, (found, each, zone) => {
      const turned = found.toReversed();
      assert.deepEqual(decideKeep(turned, each, zone), decideKeep(found, each, zone));
    }),
  );
});

test("points that are not kept have no influence, whichever of them are gone already", () => {
  const part = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(points, rule, timeZone, part, (found, each, zone, stays) => {
      const kept = keptIds(found, each, zone);
      const some = found.filter(({ id }, index) => kept.includes(id) || stays[index]);
      assert.deepEqual(keptIds(some, each, zone), kept);
    }),
  );
});

test("a new point of any date never brings back one that was not kept", () => {
  fc.assert(
    fc.property(points, rule, timeZone, instant, (found, each, zone, when) => {
      const before = keptIds(found, each, zone);
      const after = keptIds([...found, { id: "new", at: when }], each, zone);
      assert.deepEqual(
        after.filter((id) => id !== "new" && !before.includes(id)),
        [],
      );
    }),
  );
});

test("taking a kept point away never costs another one", () => {
  fc.assert(
    fc.property(points, rule, timeZone, fc.nat(39), (found, each, zone, index) => {
      const before = keptIds(found, each, zone);
      const gone = before[index % before.length];
      const after = keptIds(
        found.filter(({ id }) => id !== gone),
        each,
        zone,
      );
      assert.deepEqual(
        before.filter((id) => id !== gone && !after.includes(id)),
        [],
      );
    }),
  );
});

test("greater numbers keep the same points and perhaps more", () => {
  fc.assert(
    fc.property(points, rule, anyRule, timeZone, (found, smaller, more, zone) => {
      const greater: KeepRule = {
        last: (smaller.last ?? 0) + (more.last ?? 0),
        daily: (smaller.daily ?? 0) + (more.daily ?? 0),
        weekly: (smaller.weekly ?? 0) + (more.weekly ?? 0),
        monthly: (smaller.monthly ?? 0) + (more.monthly ?? 0),
        yearly: (smaller.yearly ?? 0) + (more.yearly ?? 0),
      };
      const kept = keptIds(found, greater, zone);
      for (const id of keptIds(found, smaller, zone)) assert.ok(kept.includes(id), id);
    }),
  );
});

test("no more points are kept than the numbers allow, and the newest", () => {
  fc.assert(
    fc.property(points, rule, timeZone, (found, each, zone) => {
      const allowed = Object.values(each).reduce((sum, number) => sum + number, 0);
      assert.ok(keptIds(found, each, zone).length <= Math.max(1, allowed));
    }),
  );
});

test("a rule survives being written and read", () => {
  fc.assert(
    fc.property(anyRule, (each) => {
      const text = formatKeep(each);
      assert.equal(formatKeep(parseKeep(text)), text);
      for (const [name, number] of Object.entries(parseKeep(text))) assert.equal(number, each[name as keyof KeepRule]);
    }),
  );
  assert.deepEqual(parseKeep(" daily=7, weekly = 4 "), { daily: 7, weekly: 4 });
  assert.equal(formatKeep({ yearly: 7, daily: 7, weekly: 0 }), "daily=7,yearly=7");
});

test("what is not a rule is refused, with the part named", () => {
  for (const text of [
    "",
    "daily",
    "daily=",
    "daily=-1",
    "daily=1.5",
    "daily=1000000",
    "hourly=3",
    "daily=1,,weekly=2",
  ]) {
    assert.throws(() => parseKeep(text), { code: "ARGUMENT_INVALID", message: /is not a count$/ }, text);
  }
  assert.throws(() => parseKeep("daily=1,daily=2"), { code: "ARGUMENT_INVALID", message: /"daily" is there twice$/ });
  assert.throws(() => parseKeep("toString=1"), { code: "ARGUMENT_INVALID" });
});

test("points sort newest first, by id where the instant is the same", () => {
  const sorted = [day(1, "2026-11-20"), day(3, "2026-11-20"), day(2, "2026-11-21")].toSorted(newestFirst);
  assert.deepEqual(
    sorted.map(({ id }) => id),
    ["2", "3", "1"],
  );
});
