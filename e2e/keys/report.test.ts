import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { keyAndMachine, keyStoreTrial } from "./key-store-trial.ts";

/** The members that docs/json.md lists for the report, in its order. */
function documented(): string[] {
  const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");
  const section = page.split(/^## /m).find((text) => text.startsWith("lockstep report\n")) ?? "";
  return Array.from(section.matchAll(/^\| `([^`]+)`/gm), ([, member]) => member ?? "");
}

test("from a real vault and key store: as text, as JSON, and as a page that an auditor can keep", (t) => {
  const trial = keyStoreTrial(t, ...keyAndMachine, "lockstep backup web01");
  if (trial === null) return;
  trial.run("lockstep key delete web01/v1"); // is refused, and in the report

  const said = trial.run("lockstep report");
  assert.match(said.stdout, /^web01 +1 +0 +0 +0 +0 +1$/m, said.stdout + said.stderr);
  assert.match(said.stdout, /1 receipts? compared, [1-9]\d* refused acts?/);
  assert.match(said.stdout, /0 of 2 places|1 of 2 places/); // one vault is one place
  assert.equal(said.status, 2);

  const { command, warnings, ...members } = trial.json("lockstep report");
  assert.deepEqual([command, warnings], ["report", []]);
  assert.deepEqual(Object.keys(members), documented());

  const written = trial.run("lockstep report --html --to report.html");
  assert.equal(written.status, 2, written.stderr);
  const page = readFileSync(trial.path("report.html"), "utf8");
  assert.equal(statSync(trial.path("report.html")).mode & 0o777, 0o600);
  assert.match(page, /<svg [^]*<circle class="green"[^]*web01\/v1[^]*key\.delete/);
  assert.equal(trial.run("lockstep report --html --to report.html").status, 75);
  assert.match(trial.run("lockstep report --html").stdout, /^<!doctype html>[^]*<\/html>\n$/);
  assert.equal(trial.run("lockstep report --to elsewhere.html").status, 64);
  assert.equal(trial.run("lockstep report --html --json").status, 64);
});
