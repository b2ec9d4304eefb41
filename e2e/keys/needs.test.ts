import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";

import type { Trial } from "../cli/trial.ts";
import { keyAndMachine, keyStoreTrial } from "./key-store-trial.ts";

/** A vault with its key store, a LUKS2 volume that was backed up, and its key, which nobody has bound yet. */
function backedUpTrial(t: TestContext): Trial | null {
  const [add, , protect] = keyAndMachine;
  const trial = keyStoreTrial(t, add, protect);
  trial?.run("lockstep backup web01"); // not green: nothing is known to open it
  return trial;
}

type Needs = { version: string; needs: { kind: string; what: string }[]; refusal: string | null };

function needsOf(trial: Trial, version: string): Needs {
  return trial.json(`lockstep key needed-by ${version}`) as unknown as Needs;
}

test("a version that was not tried on what nothing opens is needed; then by what it opens; and by that alone once it is", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  assert.deepEqual(
    needsOf(trial, "web01").needs.map(({ kind }) => kind),
    ["untried"],
  );
  trial.prepare("lockstep key bind web01/v1 disks/luks2.raw");
  const { version, needs, refusal } = needsOf(trial, "web01");
  assert.deepEqual([version, needs.map(({ kind }) => kind)], ["web01/v1", ["point", "live volume"]]);
  assert.match(needs[0]?.what ?? "", /^web01@\d{4}-\d\d-\d\dT\d\d:\d\d/);
  assert.match(
    refusal ?? "",
    /^1 recovery point needs it, expected until \d{4}-\d\d-\d\d; it opens web01's disk luks2, /,
  );
  assert.match(
    trial.prepare("lockstep key needed-by web01/v1"),
    /^Deleting or destroying web01\/v1 would be refused: 1 rec/m,
  );

  trial.prepare("lockstep key add spare --generate", "lockstep key delete spare/v1");
  assert.equal(needsOf(trial, "spare/v1").refusal, null);
  assert.equal(trial.run("lockstep key delete web01/v1").status, 75);
});

test("a point needs its version under its machine's new name, while it is deleted, and once that was taken back", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  trial.prepare(
    "lockstep key bind web01/v1 disks/luks2.raw",
    "lockstep machine rename web01 shop",
    "lockstep backup shop",
  );
  const points = (): readonly string[] =>
    needsOf(trial, "web01/v1")
      .needs.filter(({ kind }) => kind === "point")
      .map(({ what }) => what.replace(/@.*/, ""));
  assert.deepEqual(points(), ["shop", "shop"]);
  assert.match(trial.prepare("lockstep key find shop"), /^web01\/v1: /m);

  const listed = trial.json("lockstep point list shop")["points"] as { id: string }[];
  trial.prepare(`lockstep point delete ${listed[0]?.id ?? ""}`, "lockstep check shop");
  assert.deepEqual(points(), ["shop", "shop"]);
  trial.prepare(`lockstep point undelete ${listed[0]?.id ?? ""}`, "lockstep check shop");
  assert.deepEqual(points(), ["shop", "shop"]);
  assert.match(needsOf(trial, "web01/v1").refusal ?? "", /^2 recovery points need it, expected until /);
});

test("a vault is listed with its reporter, may be enrolled by another name, and retired; then its reports are refused", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep key bind web01/v1 disks/luks2.raw", "lockstep vault enrol --name archive");
  const listed = (): Record<string, unknown>[] =>
    trial.json("lockstep vault list")["vaults"] as Record<string, unknown>[];
  const [vault] = listed();
  assert.deepEqual(
    [vault?.["name"], vault?.["machines"], vault?.["points"], vault?.["silent"], vault?.["retiredAt"]],
    ["archive", 1, 1, null, null],
  );
  assert.match(trial.prepare("lockstep vault list"), /^archive +backup@\S+ +\d{4}-\d\d-\d\dT\d\d:\d\dZ +1 +1$/m);
  assert.equal(trial.run("lockstep vault retire elsewhere").status, 66);
  assert.match(
    trial.prepare("lockstep vault retire archive"),
    /^What 1 recovery point of it needed is kept for 44 more days on which the key side runs\.$/m,
  );
  assert.match(needsOf(trial, "web01/v1").refusal ?? "", /no report has any more needs it for 44 counted days more/);
  assert.match(trial.run("lockstep backup web01").stderr, /a custodian has retired it \[NOT_ALLOWED\]/);

  trial.prepare("lockstep vault enrol --name archive", "lockstep backup web01");
  assert.match(needsOf(trial, "web01/v1").refusal ?? "", /^3 recovery points need it, expected until /);
  assert.deepEqual(trial.json("lockstep alarm list")["alarms"], []);
  assert.equal(trial.run(`lockstep alarm acknowledge ${"0".repeat(32)}`).status, 66);
});

test("what would come of retiring a vault is said before: which versions it alone keeps", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep key bind web01/v1 disks/luks2.raw", "lockstep vault enrol --name archive");
  const retire = "lockstep vault retire archive --dry-run";
  assert.match(trial.prepare(retire), /^There is no version that this vault alone keeps\.$/m); // the live volume does, too
  assert.match(
    trial.prepare("lockstep key delete web01/v1 --dry-run || true"),
    /refused: 1 recovery point needs it, exp/,
  );

  const { versions } = trial.json("lockstep key show web01") as { versions: [{ bindings: [{ id: string }] }] };
  trial.prepare(`lockstep key unbind ${versions[0].bindings[0].id} --reason gone`);
  const { dryRun, name, points, daysLeft, freed } = trial.json(retire);
  assert.deepEqual([dryRun, name, points, daysLeft], [true, "archive", 1, 44]);
  assert.deepEqual(freed, [{ version: "web01/v1", atOnce: false }]);
  assert.match(trial.prepare(retire), /^Nothing else needs web01\/v1: it would be free after 44 more days on which /m);
  const listed = trial.json("lockstep vault list")["vaults"] as { retiredAt: string | null }[];
  assert.deepEqual(
    listed.map(({ retiredAt }) => retiredAt),
    [null],
  );
});
