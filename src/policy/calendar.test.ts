import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { Calendar } from "#policy/calendar.ts";
import { periodKinds, periodOf } from "#policy/periods.ts";

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"];
const sampledSeconds = fc.integer({ min: -3_000_000_000, max: 8_000_000_000 });

/** Seconds since 1970 around a change of summer time, and elsewhere. */
const seconds = fc.oneof(sampledSeconds, fc.integer({ min: 1_774_745_990, max: 1_774_746_010 }));

test("it says what Temporal says, in whatever order it is asked", () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.array(seconds, { maxLength: 20 }), (zone, all) => {
      const calendar = new Calendar(zone);
      for (const second of all) {
        const at = Temporal.Instant.fromEpochMilliseconds(second * 1000 + 999);
        const local = at.toZonedDateTimeISO(zone);
        assert.equal(calendar.textOf(at), local.toPlainDateTime().toString({ smallestUnit: "second" }));
        const { date, periods } = calendar.dayOf(at);
        assert.equal(date.toString(), local.toPlainDate().toString());
        for (const kind of periodKinds) assert.equal(periods[kind], periodOf(kind, date));
      }
    }),
  );
});

test("a day on which clocks are put back is one day", () => {
  const calendar = new Calendar("Europe/Berlin");
  const at = (text: string) => calendar.dayOf(Temporal.Instant.from(text));
  assert.equal(at("2026-10-24T22:00:00Z"), at("2026-10-25T22:59:59Z"));
  assert.notEqual(at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z"));
  assert.deepEqual(
    ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"].map((text) => calendar.textOf(Temporal.Instant.from(text))),
    ["2026-10-25T02:30:00", "2026-10-25T02:30:00"],
  );
});
