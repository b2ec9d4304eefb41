import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { Trial } from "../cli/trial.ts";
import { volumeTrial } from "../cli/volume-rig.ts";
import { sampleImages, skipUnless, unpacked } from "../volume/rig.ts";
import { keyAndMachine, keyStoreTrial } from "./key-store-trial.ts";

type Light = { light: string; reasons: { code: string }[]; openedWith: string[]; lost: unknown[] };

/** A vault with its key store, and the machine web01 with a LUKS2 volume whose passphrase the key store has. */
function protectedTrial(t: TestContext): Trial | null {
  return keyStoreTrial(t, ...keyAndMachine);
}

function backUp(trial: Trial): {
  readonly status: number;
  readonly light: Light;
  readonly warnings: readonly string[];
} {
  const { status, stdout } = trial.run("lockstep backup web01 --json");
  const document = JSON.parse(stdout) as { machines: { light: Light }[]; warnings: { code: string }[] };
  const light = document.machines[0]?.light;
  assert.ok(light !== undefined, stdout);
  return { status, light, warnings: document.warnings.map(({ code }) => code) };
}

const codes = ({ reasons }: Light): readonly string[] => reasons.map(({ code }) => code);

test("from the first backup on, each point says which key opens it, and that key cannot be deleted", (t) => {
  const trial = protectedTrial(t);
  if (trial === null) return;
  const line = trial.prepare("lockstep backup web01");
  assert.match(line, /^web01@\S+ {2}16\.0 MiB read, .* · opened with web01\/v1 just now · green$/m);
  const { points } = trial.json("lockstep point list") as { points: (Light & { light: Light })[] };
  assert.deepEqual([points[0]?.light.light, points[0]?.light.openedWith], ["green", ["web01/v1"]]);
  assert.match(trial.prepare("lockstep point list"), / green {2,}web01\/v1 /);
  assert.match(trial.run("lockstep status").stdout, / green {2,}web01\/v1 {2,}\d{4}-\d\d-\d\d /);
  assert.match(trial.prepare("lockstep check web01"), /web01: 1 of 1 point opened with web01\/v1; 1 green/);

  const plan = trial.prepare("lockstep restore web01 --to-dir out --dry-run --require-green");
  assert.match(plan, /^light: green; opened with web01\/v1 just now$/m);
  assert.match(
    plan,
    /disk luks2: web01\/v1 opened it on \S+; the guest will ask for the passphrase or key of LUKS volume [0-9a-f-]{36}$/m,
  );
  assert.match(plan, /no approval is needed/);
  const document = trial.json("lockstep restore web01 --to-dir out --dry-run") as {
    secondPerson: boolean;
    volumes: { openedWith: string; asksFor: string }[];
  };
  assert.equal(document.secondPerson, false);
  assert.partialDeepStrictEqual(document.volumes, [{ disk: "luks2", openedWith: "web01/v1", keyIds: [] }]);

  trial.prepare("mkdir bare && touch bare/config.toml");
  const bare = "LOCKSTEP_CONFIG=bare/config.toml LOCKSTEP_STATE_DIR=bare/state lockstep --vault vault --key-file key";
  const elsewhere = trial.prepare(`${bare} restore web01 --to-dir out --dry-run`);
  const ofKeys = (said: string): readonly string[] => said.split("\n").filter((each) => /^light:|^ {2}disk/.test(each));
  assert.deepEqual(ofKeys(elsewhere), ofKeys(plan));
  assert.match(elsewhere, /no key side answers here, .*\n.*`lockstep recover` brings the keys back with the kit/);

  const refused = trial.run("lockstep key delete web01/v1");
  assert.equal(refused.status, 75);
  assert.match(refused.stderr, /1 recovery point needs it/);
});

test("a sealed key store makes a backup amber and no failure, and is said; once it is open, a check makes it green", (t) => {
  const trial = protectedTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep keystore seal");
  const { status, light, warnings } = backUp(trial);
  assert.deepEqual([status, light.light, codes(light)], [0, "amber", ["NOT_TRIED"]]);
  assert.ok(warnings.includes("KEY_STORE_SEALED"), warnings.join());
  const shown = trial.run("lockstep status");
  assert.equal(shown.status, 2);
  assert.match(shown.stdout, /the key store is sealed/);
  const refused = trial.run("lockstep restore web01 --to-dir out --require-green");
  assert.equal(refused.status, 75);
  assert.match(refused.stderr, /NOT_GREEN/);
  assert.ok(!existsSync(trial.path("out")));

  trial.prepare("lockstep keystore unseal --key-file state/key-store.key");
  assert.match(trial.run("lockstep check --stale").stdout, /1 of 1 point opened with web01\/v1; 1 green/);
  assert.equal(trial.prepare("lockstep check --stale"), "web01: no key needs to be tried again yet.\n");
});

test("without a key a backup is red, and ends with 3; a check ends with 2, and the point is green once the key is bound", (t) => {
  const trial = keyStoreTrial(t, "lockstep protect web01 --disk disks/luks2.raw");
  if (trial === null) return;
  const { status, light, warnings } = backUp(trial);
  assert.deepEqual([status, light.light, codes(light)], [3, "red", ["NOT_BOUND"]]);
  assert.ok(warnings.includes("NOT_BOUND"));
  assert.equal(trial.run("lockstep check web01").status, 2);
  trial.prepare("lockstep key add web01 --value-file pw.bare", "lockstep key bind web01/v1 disks/luks2.raw");
  assert.match(trial.prepare("lockstep check web01"), /1 of 1 point opened with web01\/v1; 1 green/);
});

test("a key side that is killed in the middle of a backup costs the backup nothing", async (t) => {
  const trial = protectedTrial(t);
  if (trial === null) return;
  const options = { cwd: trial.folder, env: trial.variables, stdio: "ignore" } as const;
  trial.run("lockstep keystore show"); // whoever answers now ends by himself, or is asked to below
  const backup = spawn("lockstep", ["backup", "web01"], options);
  const ended = once(backup, "exit");
  for (let tries = 0; tries < 50 && backup.exitCode === null; tries++) {
    const holder = keySideProcess(trial);
    if (holder !== null) {
      process.kill(holder, "SIGKILL");
      break;
    }
    await setTimeout(20);
  }
  const [status] = (await ended) as [number];
  assert.equal(status, 0);
  assert.equal(trial.run("lockstep restore web01 --to-dir out").status, 0);
  assert.deepEqual(readFileSync(trial.path("out", "luks2.raw")), readFileSync(trial.path("disks", "luks2.raw")));
  assert.match(trial.prepare("lockstep check web01"), /1 of 1 point opened with web01\/v1; 1 green/);
});

/** The process that has the key store of a trial; null where there is none. */
function keySideProcess(trial: Trial): number | null {
  const { status, stdout } = trial.run("fuser state/keys/keys.db 2>/dev/null");
  const [pid] = stdout.trim().split(/\s+/);
  return status === 0 && pid !== undefined && pid !== "" ? Number(pid) : null;
}

test("a vault without a key store works as it did, and says of encrypted points that there is no key side", (t) => {
  const trial = volumeTrial(t);
  if (trial === null) return;
  trial.prepare(
    "rm config.toml",
    "lockstep init vault --key-file key --no-key-store",
    "lockstep protect web01 --disk disks/luks2.raw",
  );
  const said = trial.run("lockstep backup web01");
  assert.equal(said.status, 0);
  assert.match(said.stdout, / · no key side · amber$/m);
  for (const line of ["status", "check", "point list", "restore web01 --to-dir out"]) {
    assert.equal(trial.run(`lockstep ${line}`).status, 0, line);
  }
  assert.match(trial.run("lockstep status").stdout, /^Key side: none, .*`lockstep keystore init` makes one\.$/m);
  assert.match(
    trial.run("lockstep restore web01 --to-dir out2 --dry-run").stdout,
    /^ {2}disk luks2: no key was seen to open it; .*\n {2}before you rely on it: `lockstep check web01@\S+` has the key side open it; where there is none, `lockstep keystore init` makes one$/m,
  );
  assert.equal(trial.run("lockstep restore web01 --to-dir out2 --require-green").status, 75);
});

test("a BitLocker disk: opened by its recovery password, and a restore says which key ID its guest will ask for", (t) => {
  const images = sampleImages(t, "bitlocker");
  if (images === null || skipUnless(t, "xz")) return;
  const trial = keyStoreTrial(t);
  if (trial === null) return;
  const name = "bitlk-aes-xts-128";
  const all = JSON.parse(readFileSync(join(images, "expected.json"), "utf8")) as Record<string, Record<string, string>>;
  const { RP = "", RP_VMK_GUID: guid = "" } = all[name] ?? {};
  writeFileSync(trial.path("disks", "dc01.raw"), unpacked(join(images, `${name}.img.xz`)));
  writeFileSync(trial.path("recovery"), RP);
  trial.prepare(
    "lockstep key add dc01 --kind recovery-password --value-file recovery",
    "lockstep key bind dc01/v1 disks/dc01.raw",
    "lockstep protect dc01 --disk disks/dc01.raw",
  );
  assert.match(trial.prepare("lockstep backup dc01"), /opened with dc01\/v1 just now · green$/m);
  const plan = trial.prepare("lockstep restore dc01 --to-dir out --dry-run");
  assert.ok(plan.includes(`the recovery password with the key ID ${guid.toUpperCase()}`), plan);

  // A guest, or whoever has its host, writes over all that leads to the volume key.
  const disk = readFileSync(trial.path("disks", "dc01.raw"));
  for (let at = disk.indexOf("-FVE-FS-", 512); at >= 0; at = disk.indexOf("-FVE-FS-", at)) {
    randomFillSync(disk, at, 4096);
  }
  writeFileSync(trial.path("disks", "dc01.raw"), disk);
  const after = trial.run("lockstep backup dc01");
  assert.equal(after.status, 3);
  assert.match(after.stdout, / · disk dc01 was encrypted in an earlier point, and has no header here .* · red$/m);
  const { points } = trial.json("lockstep point list dc01") as { points: { light: Light }[] };
  assert.deepEqual(points.map(({ light }) => light.light).toSorted(), ["green", "red"]);
});

test("a LUKS volume that lost both headers turns red, and is said by status, by the point's name", (t) => {
  const trial = protectedTrial(t);
  if (trial === null) return;
  trial.prepare(
    "lockstep key bind web01/v1 disks/gpt.raw --volume 2",
    "lockstep protect db01 --disk disks/gpt.raw",
    "lockstep backup db01",
    "dd if=/dev/urandom of=disks/gpt.raw bs=1M seek=4 count=1 conv=notrunc status=none",
  );
  const { status, stdout, stderr } = trial.run("lockstep backup db01");
  assert.equal(status, 3);
  assert.match(stdout, /disk gpt, volume 2 was encrypted in an earlier point, and has no header here .* red$/m);
  assert.match(stderr, /\[HEADER_DAMAGED\]/);
  assert.match(trial.run("lockstep status").stdout, /db01@\S+ is red: disk gpt, volume 2 was encrypted/);
  assert.equal(trial.run("lockstep check db01").status, 2);
});

test("a prune tells the key side what is left, and a key side out of reach is a warning", (t) => {
  const trial = protectedTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep backup web01", "lockstep backup web01");
  const reportedAt = (): string => {
    const { vaults } = trial.json("lockstep vault list") as { vaults: { lastReportAt: string }[] };
    return vaults[0]?.lastReportAt ?? "";
  };
  const before = reportedAt();
  trial.prepare("lockstep prune --dry-run");
  assert.equal(reportedAt(), before);
  trial.prepare("lockstep prune");
  assert.notEqual(reportedAt(), before);
  writeFileSync(trial.path("state", "identities", "backup.token"), "nobody");
  const { status, stderr } = trial.run("lockstep prune");
  assert.equal(status, 0);
  assert.match(stderr, /warning: web01: the key side did not do all that was asked/);
});

test("status names a rollover that is under way, a binding that is gone, and a kit that does not open the vault", (t) => {
  const trial = protectedTrial(t);
  if (trial === null) return;
  trial.prepare("lockstep backup web01", "lockstep key rollover web01 --executor steps --path disks/luks2.raw");
  const underWay = trial.run("lockstep status").stdout;
  assert.match(underWay, /the rollover from web01\/v1 to web01\/v2 of .* is under way since \S+, and came to "copied"/);
  assert.doesNotMatch(underWay, /is bound to|does not open this vault/);

  const fast = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";
  trial.prepare(
    `cryptsetup luksAddKey -q --key-file pw.bare ${fast} disks/luks2.raw second`,
    "cryptsetup luksKillSlot -q --key-file second disks/luks2.raw 0",
  );
  assert.match(trial.run("lockstep backup web01").stderr, /web01\/v1 is bound to keyslot 0 .* \[BINDING_GONE\]/);
  const kit = trial.run("lockstep vault unlock list").stdout.match(/^kit [0-9a-f]{8}/m)?.[0] ?? "";
  trial.prepare(`lockstep vault unlock remove '${kit}'`);
  const shown = trial.run("lockstep status");
  assert.match(shown.stdout, /web01\/v1 is bound to keyslot 0 of .*, which the newest point does not have/);
  assert.match(shown.stdout, new RegExp(`the ${kit} does not open this vault`));
});
