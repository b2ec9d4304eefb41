import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { lightOf } from "#policy/light.ts";
import type { LightFacts, ShownVerdict } from "#policy/light.ts";

const now = Temporal.Instant.from("2026-06-01T12:00Z");
const terms = { proofDays: 7, checkDays: 30 };
const ago = (days: number): Temporal.Instant => now.subtract({ hours: days * 24 });

function volume(
  verdict: ShownVerdict | null,
  days: number | null = 1,
  unproven = false,
): LightFacts["volumes"][number] {
  const shown = verdict === null ? null : { verdict, derivedAt: days === null ? null : ago(days), unproven };
  return { name: "disk 1, volume 1", shown };
}

const good: LightFacts = { torn: false, damaged: false, bytesGoodAt: ago(1), unknown: [], volumes: [volume("reads")] };

/** docs/lights.md has the same rows. */
const cases: readonly [facts: Partial<LightFacts>, light: string, codes: string][] = [
  [{}, "green", ""],
  [{ volumes: [volume("opens")] }, "green", ""],
  [{ volumes: [] }, "plain", ""],
  [{ volumes: [], damaged: true }, "red", "BYTES_DAMAGED"],
  [{ volumes: [], torn: true }, "amber", "TORN"],
  [{ volumes: [volume(null)] }, "amber", "NOT_TRIED"],
  [{ volumes: [volume("not tried", null)] }, "amber", "NOT_TRIED"],
  [{ volumes: [volume("reads", null)] }, "amber", "NOT_TRIED"],
  [{ volumes: [volume("reads", 7)] }, "green", ""],
  [{ volumes: [volume("reads", 8)] }, "amber", "NOT_TRIED_LATELY"],
  [{ volumes: [volume("opens", 8)] }, "amber", "NOT_TRIED_LATELY"],
  [{ volumes: [volume("reads", -2)] }, "amber", "NOT_TRIED_LATELY"],
  [{ volumes: [volume("reads", 1, true)] }, "amber", "UNPROVEN"],
  [{ volumes: [volume("opens, content damaged")] }, "red", "CONTENT_DAMAGED"],
  [{ volumes: [volume("not bound", null)] }, "red", "NOT_BOUND"],
  [{ volumes: [volume("version unusable", null)] }, "red", "VERSION_UNUSABLE"],
  [{ volumes: [volume("rejected", null)] }, "red", "KEY_REJECTED"],
  [{ volumes: [volume("header damaged", null)] }, "red", "HEADER_DAMAGED"],
  [{ volumes: [volume("unsupported", null)] }, "amber", "UNSUPPORTED"],
  [{ volumes: [volume("reads"), volume("not bound", null)] }, "red", "NOT_BOUND"],
  [{ volumes: [volume("reads"), volume(null)] }, "amber", "NOT_TRIED"],
  [{ damaged: true }, "red", "BYTES_DAMAGED"],
  [{ torn: true }, "amber", "TORN"],
  [{ bytesGoodAt: ago(31) }, "amber", "BYTES_NOT_CHECKED"],
  [{ bytesGoodAt: ago(-2) }, "amber", "BYTES_NOT_CHECKED"],
  [{ unknown: ["disk 2"] }, "amber", "NOT_KNOWN"],
  [{ unknown: ["disk 2"], volumes: [] }, "amber", "NOT_KNOWN"],
  [{ torn: true, damaged: true }, "red", "BYTES_DAMAGED TORN"],
];

test("each case has its light and its reasons", () => {
  for (const [facts, light, codes] of cases) {
    const found = lightOf({ ...good, ...facts }, terms, now);
    assert.equal(found.light, light, JSON.stringify(facts));
    assert.equal(found.reasons.map(({ code }) => code).join(" "), codes, JSON.stringify(facts));
  }
});

const anyVolume = fc.record({
  name: fc.constant("disk 1, volume 1"),
  shown: fc.option(
    fc.record({
      verdict: fc.constantFrom<ShownVerdict>(
        "reads",
        "opens",
        "opens, content damaged",
        "not bound",
        "version unusable",
        "rejected",
        "header damaged",
        "unsupported",
        "not tried",
      ),
      derivedAt: fc.option(fc.integer({ min: -400, max: 400 }).map(ago)),
      unproven: fc.boolean(),
    }),
  ),
});

test("green says that every encrypted volume was opened lately, the bytes are good and nothing is unknown", () => {
  const facts = fc.record({
    torn: fc.boolean(),
    damaged: fc.boolean(),
    bytesGoodAt: fc.integer({ min: -400, max: 400 }).map(ago),
    unknown: fc.array(fc.constant("disk 2"), { maxLength: 1 }),
    volumes: fc.array(anyVolume, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(facts, (one) => {
      const { light, reasons } = lightOf(one, terms, now);
      assert.equal(light === "green" || light === "plain", reasons.length === 0);
      if (light !== "green") return;
      assert.ok(!one.torn && !one.damaged && one.unknown.length === 0 && one.volumes.length > 0);
      for (const { shown } of one.volumes) {
        assert.ok(shown !== null && (shown.verdict === "reads" || shown.verdict === "opens") && !shown.unproven);
        assert.ok(shown.derivedAt !== null && now.since(shown.derivedAt).total("days") <= terms.proofDays);
      }
    }),
  );
});
