import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
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

const good: LightFacts = {
  torn: false,
  damaged: false,
  bytesGoodAt: ago(1),
  unknown: [],
  lostHeaders: [],
  volumes: [volume("reads")],
};

/** Each row of docs/lights.md, in its order and words. */
const rows: readonly [what: string, light: string, code: string, facts: Partial<LightFacts>][] = [
  ["every encrypted volume opened and its file system read, in time", "green", "", {}],
  [
    "opened in time; what is inside has no checksums, or is not known",
    "green",
    "",
    { volumes: [volume("opens"), volume("reads", 7)] },
  ],
  ["nothing is encrypted", "no key needed", "", { volumes: [] }],
  [
    "the key side has not been asked yet, was sealed, out of reach, or there is none",
    "amber",
    "NOT_TRIED",
    { volumes: [volume("reads"), volume(null)] },
  ],
  ["opened, longer ago than a proof counts", "amber", "NOT_TRIED_LATELY", { volumes: [volume("opens", 8)] }],
  [
    "opened, in a state of which no real volume was ever seen",
    "amber",
    "UNPROVEN",
    { volumes: [volume("reads", 1, true)] },
  ],
  [
    "the volume cannot be opened here with any key (hardware, AEAD …)",
    "amber",
    "UNSUPPORTED",
    { volumes: [volume("unsupported", null)] },
  ],
  [
    "a disk or volume could not be looked at, or looks like ciphertext without a header",
    "amber",
    "NOT_KNOWN",
    { unknown: ["disk 2"] },
  ],
  ["the copy is torn", "amber", "TORN", { torn: true }],
  [
    "the bytes were last found good longer ago than a check counts",
    "amber",
    "BYTES_NOT_CHECKED",
    { bytesGoodAt: ago(31) },
  ],
  [
    "it opens, and checksummed structures of the file system are wrong",
    "red",
    "CONTENT_DAMAGED",
    { volumes: [volume("opens, content damaged")] },
  ],
  [
    "the header has no protector that a key version is bound to",
    "red",
    "NOT_BOUND",
    { volumes: [volume("not bound", null), volume("reads")] },
  ],
  [
    "the version that is bound is disabled, deleted or destroyed",
    "red",
    "VERSION_UNUSABLE",
    { volumes: [volume("version unusable", null)] },
  ],
  ["the version that is bound does not open it", "red", "KEY_REJECTED", { volumes: [volume("rejected")] }],
  [
    "the header that is in the point is damaged",
    "red",
    "HEADER_DAMAGED",
    { volumes: [volume("header damaged", null)] },
  ],
  [
    "a volume was encrypted in an earlier point, and has no header here that can be read",
    "red",
    "HEADER_DAMAGED",
    { lostHeaders: ["disk 1"] },
  ],
  ["bytes of the point are damaged", "red", "BYTES_DAMAGED", { damaged: true }],
];

const page = readFileSync(join(import.meta.dirname, "../../docs/lights.md"), "utf8");

test("docs/lights.md is the table of all cases, and each has its light and its reason", () => {
  const written = [...page.matchAll(/^\| (.+?) +\| (.+?) +\| ([A-Z_]*) *\|$/gm)].map((found) => found.slice(1));
  assert.deepEqual(
    written.filter(([what]) => what !== "what is known"),
    rows.map(([what, light, code]) => [what, light, code]),
  );
  for (const [what, light, code, facts] of rows) {
    const found = lightOf({ ...good, ...facts }, terms, now);
    assert.equal(found.light === "plain" ? "no key needed" : found.light, light, what);
    assert.equal(found.reasons.map((reason) => reason.code).join(" "), code, what);
  }
});

const others: readonly [facts: Partial<LightFacts>, light: string, codes: string][] = [
  [{ volumes: [], damaged: true }, "red", "BYTES_DAMAGED"],
  [{ volumes: [], torn: true }, "amber", "TORN"],
  [{ volumes: [], unknown: ["disk 2"] }, "amber", "NOT_KNOWN"],
  [{ volumes: [], lostHeaders: ["disk 2"] }, "red", "HEADER_DAMAGED"],
  [{ volumes: [volume("not tried", null)] }, "amber", "NOT_TRIED"],
  [{ volumes: [volume("reads", null)] }, "amber", "NOT_TRIED"],
  [{ volumes: [volume("reads", 8)] }, "amber", "NOT_TRIED_LATELY"],
  [{ volumes: [volume("reads", -2)] }, "amber", "NOT_TRIED_LATELY"],
  [{ bytesGoodAt: ago(30) }, "green", ""],
  [{ bytesGoodAt: ago(-2) }, "amber", "BYTES_NOT_CHECKED"],
  [{ torn: true, damaged: true }, "red", "BYTES_DAMAGED TORN"],
];

test("the light is that of the worst reason, and a date ahead of the clock is none", () => {
  for (const [facts, light, codes] of others) {
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
    lostHeaders: fc.array(fc.constant("disk 3"), { maxLength: 1 }),
    volumes: fc.array(anyVolume, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(facts, (one) => {
      const { light, reasons } = lightOf(one, terms, now);
      assert.equal(light === "green" || light === "plain", reasons.length === 0);
      if (light !== "green") return;
      assert.ok(
        !one.torn && !one.damaged && one.unknown.length + one.lostHeaders.length === 0 && one.volumes.length > 0,
      );
      for (const { shown } of one.volumes) {
        assert.ok(shown !== null && (shown.verdict === "reads" || shown.verdict === "opens") && !shown.unproven);
        assert.ok(shown.derivedAt !== null && now.since(shown.derivedAt).total("days") <= terms.proofDays);
      }
    }),
  );
});
