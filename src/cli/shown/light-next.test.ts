import assert from "node:assert/strict";
import { test } from "node:test";

import { nextLines } from "#cli/shown/light-next.ts";
import { commandTable } from "#cli/program/command-table.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import { lightOf, usualTerms } from "#policy/light.ts";
import type { LightFacts } from "#policy/light.ts";

const now = Temporal.Instant.from("2026-11-23T14:05:00Z");
const whole: LightFacts = { torn: false, damaged: false, bytesGoodAt: now, unknown: [], lostHeaders: [], volumes: [] };

function light(change: Partial<LightFacts>): PointLight {
  return {
    ...lightOf({ ...whole, ...change }, usualTerms, now),
    versions: [],
    openedAt: null,
    carriedOver: false,
    lost: [],
  };
}

test("of a point that is not green it is said what to do before one relies on it, each thing once", () => {
  const untried = (name: string) => ({ name, shown: null });
  const lines = nextLines(light({ torn: true, volumes: [untried("disk a"), untried("disk b")] }), "web01@2026-11-23");
  assert.deepEqual(lines, [
    "  before you rely on it: take a point that is not torn (`lockstep point list web01`), or have its file systems repaired after it",
    "  before you rely on it: `lockstep check web01@2026-11-23` has the key side open it; where there is none, `lockstep keystore init` makes one",
  ]);
});

test("a point that is well, or in which nothing is encrypted, needs nothing", () => {
  assert.deepEqual(nextLines(light({}), "web01@2026-11-23"), []);
});

test("every command that is named is one", () => {
  const verdicts = [
    "opens, content damaged",
    "not bound",
    "version unusable",
    "rejected",
    "header damaged",
    "unsupported",
  ] as const;
  const volumes = verdicts.map((verdict) => ({ name: verdict, shown: { verdict, derivedAt: null, unproven: false } }));
  const old = { verdict: "opens", derivedAt: now.subtract({ hours: 999 }), unproven: false } as const;
  const odd = { verdict: "opens", derivedAt: now, unproven: true } as const;
  const all = light({
    damaged: true,
    bytesGoodAt: now.subtract({ hours: 9999 }),
    unknown: ["disk c"],
    volumes: [...volumes, { name: "old", shown: old }, { name: "odd", shown: odd }],
  });
  const lines = nextLines(all, "web01@2026-11-23");
  assert.equal(lines.length, new Set(all.reasons.map(({ code }) => code)).size);
  const named = lines.flatMap((line) =>
    [...line.matchAll(/`lockstep ((?:[a-z-]+ ?){1,2})/g)].map(([, words = ""]) => words.trim()),
  );
  const known = commandTable.map(({ words }) => words.join(" "));
  assert.deepEqual(
    named.filter((words) => !known.some((command) => words === command || words.startsWith(`${command} `))),
    [],
  );
});
