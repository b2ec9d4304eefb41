import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";

import { Output } from "#cli/output/output.ts";
import { lightWords, openedWords, reasonLines, warnOfRed } from "#cli/shown/light-words.ts";
import type { PointLight } from "#ops/points/point-light.ts";

const now = Temporal.Instant.from("2026-11-23T14:05:00Z");

function light(change: Partial<PointLight>): PointLight {
  return {
    light: "green",
    reasons: [],
    versions: ["web01/v1"],
    openedAt: now,
    carriedOver: false,
    lost: [],
    ...change,
  };
}

test("what was opened a moment ago was so just now, and what was longer ago has its date", () => {
  assert.equal(openedWords(light({}), now), "opened with web01/v1 just now");
  const several = { versions: ["web01/v1", "web01.data/v3"], openedAt: now.subtract({ hours: 24 }) };
  assert.equal(openedWords(light(several), now), "opened with web01/v1, web01.data/v3 on 2026-11-22");
  assert.equal(openedWords(light({ openedAt: now.add({ hours: 48 }) }), now), "opened with web01/v1 on 2026-11-25");
  const carried = light({ openedAt: now.subtract({ hours: 24 }), carriedOver: true });
  assert.equal(openedWords(carried, now), "opened with web01/v1 on 2026-11-22, carried over");
  assert.equal(openedWords(light({ openedAt: null }), now), "");
});

test("a light has its worst reason beside it, and without a key side that is the reason", () => {
  const notTried = { light: "amber", code: "NOT_TRIED", words: "disk root was not tried yet" } as const;
  const torn = { light: "amber", code: "TORN", words: "the copy is torn" } as const;
  const rejected = { light: "red", code: "KEY_REJECTED", words: "disk root is not opened" } as const;
  const amber = light({ light: "amber", reasons: [notTried, torn], openedAt: null });
  assert.equal(lightWords(amber, true, now), "disk root was not tried yet · amber");
  assert.equal(lightWords(amber, false, now), "no key side · amber");
  assert.equal(
    lightWords(light({ light: "red", reasons: [torn, rejected] }), true, now),
    "disk root is not opened · red",
  );
  assert.equal(lightWords(light({ light: "plain", openedAt: null }), true, now), "no key needed");
  assert.equal(lightWords(light({}), true, now), "opened with web01/v1 just now · green");
  assert.deepEqual(reasonLines(amber), [
    "  amber: disk root was not tried yet [NOT_TRIED]",
    "  amber: the copy is torn [TORN]",
  ]);
});

test("what many points have in common is warned of once, with the names of a few", () => {
  const said: string[] = [];
  const stream = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      said.push(...piece.toString().trimEnd().split("\n"));
      done();
    },
  });
  const output = new Output({ command: "check", json: false, quiet: false, stdout: stream, stderr: stream });
  const rejected = { light: "red", code: "KEY_REJECTED", words: "disk root is not opened" } as const;
  const torn = { light: "amber", code: "TORN", words: "the copy is torn" } as const;
  const lost = [{ where: "disk root", openedAt: now, verdict: "rejected" }];
  const red = light({ light: "red", reasons: [rejected, torn] });
  const points = ["a", "b", "c", "d", "e"].map((name) => ({ name, light: red }));
  const unbound = { light: "red", code: "NOT_BOUND", words: "no key is bound to it" } as const;
  warnOfRed(output, [{ name: "g", light: light({ light: "red", reasons: [unbound] }) }]);
  assert.match(
    said.splice(0).join("\n"),
    /\[NOT_BOUND\]\n {2}hint: `lockstep key match` finds its key .*`lockstep key bind`/,
  );
  warnOfRed(output, [...points, { name: "f", light: { ...red, lost } }]);
  const warnings = said.filter((line) => line.startsWith("warning"));
  assert.deepEqual(warnings, [
    "warning: a, b, c and 3 more: disk root is not opened [KEY_REJECTED]",
    "warning: f: disk root was last opened on 2026-11-23, and is not any more: rejected [LIGHT_LOST]",
  ]);
});
