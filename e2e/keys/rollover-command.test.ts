import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { Trial } from "../cli/trial.ts";
import { secrets, volumeTrial } from "../cli/volume-rig.ts";
import { slots } from "./rollover-rig.ts";

/** A vault with its key store, and the machine web01, whose LUKS2 volume the key `web01` opens; with one point. */
function backedUpTrial(t: TestContext): Trial | null {
  const trial = volumeTrial(t);
  if (trial === null) return null;
  trial.prepare(
    "rm config.toml",
    "lockstep init vault --key-file key --no-kit-check",
    "lockstep protect web01 --disk disks/luks2.raw --keep yearly=7",
    "lockstep key add web01 --value-file pw.bare",
    "lockstep key bind web01/v1 disks/luks2.raw",
    "lockstep backup web01",
  );
  t.after(() => trial.run("lockstep keystore seal"));
  return trial;
}

test("a rollover on the command line: the old version is kept for the point, the next point opens with the new one", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  const said = trial.prepare("lockstep key rollover web01");
  assert.match(
    said,
    /^web01\/v2 made, copied, added, tried; web01\/v1 kept: 1 recovery point needs it, expected until \d{4}-\d\d-\d\d/,
  );
  assert.match(said, /^The volume key is as it was: /m);
  assert.deepEqual(slots(trial.path("disks", "luks2.raw")), [1]);
  const [, kept = ""] = /^The header as it was before is in (.*)$/m.exec(said) ?? [];
  assert.ok(existsSync(kept));

  assert.match(trial.prepare("lockstep backup web01"), /opened with web01\/v2 just now · green$/m);
  const { points } = trial.json("lockstep point list") as {
    points: { light: { light: string; openedWith: string[] } }[];
  };
  const lights = points.map(({ light }) => `${light.light}: ${light.openedWith.join()}`);
  assert.deepEqual(lights.toSorted(), ["green: web01/v1", "green: web01/v2"]);
  assert.match(trial.prepare("lockstep check web01"), /2 of 2 points opened/);
  assert.equal(trial.run("lockstep key delete web01/v1").status, 75);

  // The point with the new version is there, so the next one needs the header of before no more.
  const second = trial.json("lockstep key rollover web01");
  assert.ok(!existsSync(kept));
  assert.deepEqual((second["rollover"] as { newVersion: string }).newVersion, "web01/v3");
});

test("a key that was imported before its disk was protected under another name is rolled over without a path", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  t.after(() => trial.run("lockstep keystore seal"));
  writeFileSync(trial.path("keys.csv"), `name,secret\nroot,"${secrets.passphrase}"\n`);
  trial.prepare(
    "rm config.toml && mkdir images && mv disks/luks2.raw images/old-name.raw",
    "lockstep init vault --key-file key --no-kit-check",
    "lockstep key import keys.csv images",
    "lockstep protect web01 --disk root=images/old-name.raw",
    "lockstep backup web01",
  );
  const said = trial.prepare("lockstep key rollover old-name");
  assert.match(said, /^old-name\/v2 made, copied, added, tried;/);
  const [, next = ""] = /^Next, .* old-name\/v2: (lockstep backup web01)$/m.exec(said) ?? [];
  assert.match(trial.prepare(next), /opened with old-name\/v2/);
  assert.deepEqual(slots(trial.path("images", "old-name.raw")), [1]);
});

test("documents of both commands have the members that are documented", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");
  for (const [command, given] of [
    ["key rollover", "web01"],
    ["key compromise", "web01/v1 --why 'found in a ticket'"],
  ]) {
    const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
    const documented = [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, member]) => member);
    const { command: named, warnings, ...members } = trial.json(`lockstep ${command} ${given}`);
    assert.deepEqual([named, warnings, Object.keys(members)], [command, [], documented]);
  }
});

test("done by hand, step by step, each confirmed on the live header", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  const disk = trial.path("disks", "luks2.raw");
  const add = trial.prepare("lockstep key rollover web01 --executor steps");
  assert.match(add, /cryptsetup luksAddKey --new-key-slot 1 /);
  trial.prepare("lockstep key reveal web01/v2 --reason rollover --to new");
  const again = trial.prepare(`lockstep key rollover web01 --confirm ${disk}`);
  assert.equal(again, add);
  const sizes = `--key-file - --keyfile-size $(stat -c %s pw.bare)`;
  trial.prepare(`cat pw.bare new | cryptsetup luksAddKey -q ${sizes} --new-key-slot 4 ${disk} -`);
  const remove = trial.prepare(
    "cryptsetup luksHeaderBackup disks/luks2.raw --header-backup-file h",
    "lockstep key rollover web01 --confirm h",
  );
  assert.match(
    remove,
    /^Both were tried just now\. Remove keyslot 0, and nothing else:\n {2}cryptsetup luksKillSlot DEVICE 0$/m,
  );
  trial.prepare(`cryptsetup luksKillSlot -q --key-file new ${disk} 0`);
  assert.match(
    trial.prepare(`lockstep key rollover web01 --confirm ${disk}`),
    /^web01\/v2 made, copied, added, tried; /,
  );
  assert.deepEqual(slots(disk), [4]);
});

test("another custodian approves that the values are handed out; then it is gone on with", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  trial.prepare(
    "mkdir -p bob/identities",
    "lockstep identity add bob --role custodian --to bob/identities/custodian.token",
  );
  writeFileSync(trial.path("bob.toml"), `[keys]\nsocket = "${trial.path("state/keys/socket")}"\n`);
  const waits = trial.run("lockstep key rollover web01");
  assert.equal(waits.status, 75);
  assert.match(waits.stderr, /APPROVAL_NEEDED/);
  assert.deepEqual(slots(trial.path("disks", "luks2.raw")), [0]);
  const { approvals } = trial.json("lockstep approval list") as { approvals: { id: string; act: string }[] };
  const [approval] = approvals.filter(({ act }) => act === "rollover.values");
  trial.prepare(`LOCKSTEP_STATE_DIR=bob LOCKSTEP_CONFIG=bob.toml lockstep approval approve ${approval?.id ?? "none"}`);
  assert.match(trial.prepare("lockstep key rollover web01 --resume"), /^web01\/v2 made, copied, added, tried; /);
});

test("killed at any moment, the same command brings it to its end, and leaves one keyslot", async (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  const options = { cwd: trial.folder, env: trial.variables, stdio: "ignore" } as const;
  for (const delayMs of [300, 700, 1200]) {
    const child = spawn("lockstep", ["key", "rollover", "web01"], options);
    const ended = once(child, "exit");
    await setTimeout(delayMs);
    child.kill("SIGKILL");
    await ended;
    await finished(trial);
    assert.equal(slots(trial.path("disks", "luks2.raw")).length, 1, `killed after ${delayMs} ms`);
  }
  assert.match(trial.prepare("lockstep backup web01"), /opened with web01\/v\d+ just now · green$/m);
});

/** Brings the rollover to its end, once the cryptsetup that may have outlived its parent is done. */
async function finished(trial: Trial): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { status, stdout, stderr } = trial.run("lockstep key rollover web01");
    if (status === 0) return assert.match(stdout, /made, copied, added, tried/);
    assert.ok(tries < 10 && stderr.includes("TARGET_IN_USE"), stderr);
    await setTimeout(200);
  }
}

test("abandoned, the volume is as before; given up, nothing is looked at", (t) => {
  const trial = backedUpTrial(t);
  if (trial === null) return;
  const disk = trial.path("disks", "luks2.raw");
  trial.prepare("lockstep key rollover web01 --executor steps");
  assert.match(
    trial.prepare("lockstep key rollover web01 --abandon"),
    /^abandoned: web01\/v1 opens the volume as before/,
  );
  assert.deepEqual(slots(disk), [0]);
  assert.equal(trial.run("lockstep key rollover web01 --resume").status, 66);
  trial.prepare("lockstep key rollover web01 --executor steps", `mv ${disk} lost`);
  assert.match(
    trial.prepare("lockstep key rollover web01 --give-up 'the disk is lost'"),
    /^given up: web01\/v1 and web01\/v3 are kept/,
  );
});
