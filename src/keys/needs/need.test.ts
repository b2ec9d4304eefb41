import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { refusalOf } from "#keys/needs/need.ts";
import type { NeedFacts } from "#keys/needs/need.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/needs.md"), "utf8");

const none: NeedFacts = {
  points: { live: 0, quarantined: 0, daysLeft: 0, expectedUntilMs: null },
  liveVolumes: [],
  retiredDaysLeft: 0,
  untried: 0,
  holds: [],
  silentVaults: [],
};

const until = Temporal.Instant.from("2033-12-31T12:00Z").epochMilliseconds;
const points = (change: Partial<NeedFacts["points"]>): Partial<NeedFacts> => ({
  points: { ...none.points, ...change },
});
const volumes = ["the volume 2 of web01's disk vda", "the luks2 volume 3f6b0f3e", "b", "c"];
const tape = { why: "tapes in Bern", heldBy: "anna", expectedUntilMs: until };

/** The table in docs/needs.md has the same rows. */
const cases: readonly [facts: Partial<NeedFacts>, refusal: string | null][] = [
  [{}, null],
  [points({ live: 1, expectedUntilMs: until }), "1 recovery point needs it, expected until 2033-12-31"],
  [points({ live: 2, expectedUntilMs: until }), "2 recovery points need it, expected until 2033-12-31"],
  [points({ live: 1 }), "1 recovery point needs it, until somebody deletes it"],
  [points({ live: 2 }), "2 recovery points need it, until somebody deletes them"],
  [
    points({ quarantined: 1, daysLeft: 12 }),
    "1 recovery point that no report has any more needs it for 12 counted days more",
  ],
  [
    points({ quarantined: 3, daysLeft: 1 }),
    "3 recovery points that no report has any more need it for 1 counted day more",
  ],
  [{ liveVolumes: volumes.slice(0, 1) }, "it opens the volume 2 of web01's disk vda, as far as is known"],
  [
    { liveVolumes: volumes },
    "it opens the volume 2 of web01's disk vda, the luks2 volume 3f6b0f3e, b and 1 more, as far as is known",
  ],
  [{ retiredDaysLeft: 78 }, "it was retired lately and is kept for 78 counted days more"],
  [{ untried: 1 }, "nothing opens 1 volume of recovery points, and it was not tried there"],
  [{ untried: 2 }, "nothing opens 2 volumes of recovery points, and it was not tried there"],
  [{ holds: [tape] }, "anna holds it, expected until 2033-12-31: tapes in Bern"],
  [{ holds: [{ ...tape, expectedUntilMs: null }] }, "anna holds it: tapes in Bern"],
  [
    { silentVaults: [{ name: "backup1", why: "it has not reported for 9 counted days" }] },
    "what the vault backup1 holds is not known: it has not reported for 9 counted days",
  ],
  [
    { ...points({ live: 1, expectedUntilMs: until }), holds: [tape] },
    "1 recovery point needs it, expected until 2033-12-31; anna holds it, expected until 2033-12-31: tapes in Bern",
  ],
];
for (const [facts, refusal] of cases) {
  test(`destruction: ${refusal ?? "nothing is in the way"}`, () => {
    assert.equal(refusalOf({ ...none, ...facts }), refusal);
    if (refusal !== null) assert.ok(page.includes(` ${refusal} `), "docs/needs.md has it");
  });
}
