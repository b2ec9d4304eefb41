import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { matchPoints, parsePointName, pointNames } from "#policy/point-names.ts";
import type { NamedPoint } from "#policy/point-names.ts";

const point = (machine: string, id: string, at: string): NamedPoint => ({
  machine,
  id: id.padEnd(32, "0"),
  at: Temporal.Instant.from(at),
});
const points = [
  point("web01", "aaaa1", "2019-03-01T09:00:00Z"),
  point("web01", "aaaa2", "2019-03-01T21:00:00Z"),
  point("web01", "bbbb1", "2026-11-23T13:05:09Z"),
  point("web01", "bbbb2", "2026-11-23T13:05:40Z"),
  point("dc01", "db01c", "2026-11-24T00:30:00Z"),
];
const machines = new Set(["web01", "dc01", "db01"]);

function found(text: string, timeZone = "Europe/Berlin"): string[] {
  return matchPoints(parsePointName(text), { machines, points }, timeZone).map(({ id }) => id.slice(0, 5));
}

test("a machine's name, and @latest, mean its newest point", () => {
  assert.deepEqual(found("web01"), ["bbbb2"]);
  assert.deepEqual(found("web01@latest"), ["bbbb2"]);
});

test("a date means the newest point of that day, minute or second in the time zone", () => {
  assert.deepEqual(found("web01@2019-03-01"), ["aaaa2"]);
  assert.deepEqual(found("web01@2019-03-02"), []);
  assert.deepEqual(found("web01@2019-03-02", "Asia/Tokyo"), ["aaaa2"]);
  assert.deepEqual(found("web01@2026-11-23T14:05"), ["bbbb2"]);
  assert.deepEqual(found("web01@2026-11-23T14:05:09"), ["bbbb1"]);
  assert.deepEqual(found("dc01@2026-11-24T01:30"), ["db01c"]);
});

test("of an hour that comes twice the later one is meant", () => {
  const twice = [point("a", "1111", "2026-10-25T00:30:00Z"), point("a", "2222", "2026-10-25T01:30:00Z")];
  const ref = parsePointName("a@2026-10-25T02:30");
  const known = { machines: new Set(["a"]), points: twice };
  assert.deepEqual(matchPoints(ref, known, "Europe/Berlin"), [twice[1]]);
});

test("the start of an id means every point that it fits, newest first", () => {
  assert.deepEqual(found("aaaa1"), ["aaaa1"]);
  assert.deepEqual(found("AAAA1"), ["aaaa1"]);
  assert.deepEqual(found("bbbb"), ["bbbb2", "bbbb1"]);
  assert.deepEqual(found("web01@bbbb2"), ["bbbb2"]);
  assert.deepEqual(found("dc01@bbbb2"), []);
});

test("a machine's name is never taken for an id, even when the machine has no point", () => {
  assert.deepEqual(found("db01"), []);
  assert.deepEqual(found("db01c"), ["db01c"]);
  assert.deepEqual(found("dc01@db01"), ["db01c"]);
});

test("a machine that does not exist has no points", () => {
  assert.deepEqual(found("mail01"), []);
  assert.deepEqual(found("mail01@latest"), []);
});

test("what names nothing is refused", () => {
  for (const text of [
    "",
    "@latest",
    "web01@",
    "web01@abc",
    "web01@yesterday",
    "web01@2026-11",
    "web01@2026-02-30",
    "web01@2026-13-01",
    "web01@2026-11-23T24:00",
    "web01@2026-11-23T14",
    "web01@2026-11-23T14:05Z",
    "web01@2026-11-23T14:05:60",
    "web01@latest@latest",
    "web 01",
    "../web01",
  ]) {
    assert.throws(() => parsePointName(text), { code: "ARGUMENT_INVALID", message: /does not name/ }, text);
  }
});

test("any text is parsed or refused", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `web01@${text}`),
      ),
      (text) => {
        try {
          parsePointName(text);
        } catch (error) {
          assert.ok(error instanceof LockstepError, String(error));
        }
      },
    ),
  );
});

test("every shown name finds its point and no other", () => {
  assert.deepEqual(
    [...pointNames(points, "Europe/Berlin").values()],
    [
      "web01@2019-03-01T10:00",
      "web01@2019-03-01T22:00",
      "web01@2026-11-23T14:05:09",
      "web01@2026-11-23T14:05:40",
      "dc01@2026-11-24T01:30",
    ],
  );
  const moment = fc.integer({ min: 0, max: 90_000 }).map((half) => half * 500);
  const many = fc.uniqueArray(
    fc.record({
      machine: fc.constantFrom("web01", "cafe"),
      id: fc.stringMatching(/^[0-9a-f]{32}$/),
      at: fc
        .oneof(
          moment,
          fc.integer({ min: 0, max: 240 }).map((half) => half * 500),
        )
        .map((ms) => Temporal.Instant.from("2026-10-25T00:00:00Z").add({ milliseconds: ms })),
    }),
    { selector: ({ id }) => id, maxLength: 30 },
  );
  fc.assert(
    fc.property(many, fc.constantFrom("UTC", "Europe/Berlin"), (all, timeZone) => {
      const known = { machines: new Set(["web01", "cafe"]), points: all };
      const names = pointNames(all, timeZone);
      for (const each of all) {
        const ref = parsePointName(names.get(each.id) ?? "");
        assert.deepEqual(matchPoints(ref, known, timeZone), [each]);
      }
    }),
  );
});
