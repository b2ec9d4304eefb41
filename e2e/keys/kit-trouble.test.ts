import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Trial } from "../cli/trial.ts";
import { later, newFolder, skipUnlessRoot } from "../disk/rig.ts";
import { readKit, shareOptions } from "./kit-rig.ts";

/** A trial whose key side ends with it. */
function newTrial(t: TestContext): Trial {
  const trial = new Trial(t);
  t.after(() => {
    const lock = trial.path("state/keys/lock");
    const pid = Number(existsSync(lock) ? readFileSync(lock, "utf8") : "");
    if (pid > 1 && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGTERM");
  });
  return trial;
}

function kitInUse(trial: Trial): string {
  return (trial.json("lockstep kit show") as { kit: { id: string } }).kit.id;
}

function shares(trial: Trial, folder: string): string {
  return shareOptions(trial, readKit(trial.path(folder)).shares);
}

test("a vault without a key store gets one later, with a kit that opens both; not where it had one", (t) => {
  const trial = newTrial(t);
  trial.prepare("lockstep init vault --key-file key --no-key-store", "lockstep keystore init --no-kit-check");
  const checked = trial.run(`lockstep kit check ${shares(trial, "lockstep-kit")}`);
  assert.match(checked.stdout, /opens copy \d+ of epoch 1 in .*vault\n.*opens vault [0-9a-f]{32}/, checked.stderr);
  assert.match(
    trial.run("lockstep keystore init --no-kit-check").stderr,
    /keys.db is one already \[KEY_STORE_EXISTS\]/,
  );
  trial.prepare("lockstep keystore seal", "rm -r state/identities state/key-store.key state/keys");
  const lost = trial.run("lockstep keystore init --no-kit-check --kit-to other");
  assert.match(lost.stderr, /has copies of one already.*KEY_STORE_EXISTS.*lockstep recover/s);
  assert.ok(!existsSync(trial.path("other")));
});

test("a key store that could not be made leaves nothing in its vault that keeps another one from it", (t) => {
  if (skipUnlessRoot(t, "mount")) return;
  const disk = newFolder(t);
  const trial = newTrial(t);
  trial.prepare(`mount -t tmpfs -o size=256k tmpfs ${disk}`);
  later(t, () => void trial.prepare(`umount ${disk}`));
  trial.prepare(
    `lockstep init ${disk}/vault --key-file key --no-key-store`,
    `dd if=/dev/zero of=${disk}/fill bs=4096 2>/dev/null; truncate -s -4096 ${disk}/fill`, // there is room for the claim alone
  );
  assert.match(
    trial.run("lockstep keystore init --no-kit-check").stderr,
    /keystore\/00000001-00000001 .*no room is left/,
  );
  assert.deepEqual(readdirSync(join(disk, "vault/keystore")), []);
  trial.prepare(`rm ${disk}/fill`, "lockstep keystore init --no-kit-check");
});

test("a second vault gets copies of the key store and the kit's unlock way when it is enrolled", (t) => {
  const trial = newTrial(t);
  trial.prepare(
    "lockstep init vault --key-file key --no-kit-check --custodians anna,boris",
    "lockstep init second --key-file key2 --no-key-store",
  );
  const kit = shares(trial, "lockstep-kit");
  const first = trial.json("lockstep vault enrol --vault second");
  assert.partialDeepStrictEqual(first, { copies: true, kit: false });
  assert.match(JSON.stringify(trial.json("lockstep kit show")), /not seen to open .*second/);
  assert.match(trial.run(`lockstep kit check ${kit} --also-vault second`).stderr, /does not open all: .*second/);
  assert.partialDeepStrictEqual(trial.json(`lockstep vault enrol --vault second ${kit}`), { copies: true, kit: true });
  const { kit: checked } = trial.json(`lockstep kit check ${kit} --also-vault second`) as { kit: { stale: unknown } };
  assert.equal(checked.stale, null);
  // From now on it is one of those that it has to open, found by its name, or named.
  assert.match(trial.run(`lockstep kit check ${kit}`).stdout, /opens vault [0-9a-f]{32} in .*second/);
  trial.prepare("lockstep vault enrol --vault second --name branch");
  assert.match(trial.run(`lockstep kit check ${kit}`).stderr, /was not tried on the vault branch.*--also-vault/s);
  const wrong = trial.run(`lockstep kit create --to new --no-kit-check && lockstep vault enrol --vault second ${kit}`);
  assert.match(wrong.stderr, /is not the one in use.*KIT_REJECTED/);
});

test("wherever `kit create` is killed, the pages of the old kit or of the new one bring everything back", async (t) => {
  const trial = newTrial(t);
  trial.prepare("lockstep init vault --key-file key --no-kit-check");
  let inUse = { id: kitInUse(trial), folder: "lockstep-kit" };
  const steps: readonly (readonly [string, () => boolean])[] = [
    ["pages", () => existsSync(trial.path("pages")) && readdirSync(trial.path("pages")).length > 0],
    ["way", () => existsSync(trial.path("vault/keyring/00000003"))],
    ["adopted", () => kitInUse(trial) !== inUse.id],
  ];
  for (const [folder, isReached] of steps) {
    const child = spawn("lockstep", ["kit", "create", "--to", folder, "--no-kit-check"], {
      cwd: trial.folder,
      env: trial.variables,
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    while (!isReached() && child.exitCode === null) await setTimeout(1);
    child.kill("SIGKILL");
    await ended;
    const id = kitInUse(trial);
    if (id !== inUse.id) inUse = { id, folder };
    const checked = trial.run(`lockstep kit check ${shares(trial, inUse.folder)}`);
    assert.equal(checked.status, 0, `${folder}: ${checked.stderr}`);
  }
  assert.equal(inUse.folder, "adopted");
});

test("of two kits that are made at once, the one in use opens all", async (t) => {
  const trial = newTrial(t);
  trial.prepare("lockstep init vault --key-file key --no-kit-check");
  const create = async (folder: string): Promise<number | null> => {
    const words = ["kit", "create", "--to", folder, "--no-kit-check"];
    const child = spawn("lockstep", words, { cwd: trial.folder, env: trial.variables, stdio: "ignore" });
    const [status] = (await once(child, "exit")) as [number | null];
    return status;
  };
  const statuses = await Promise.all([create("one"), create("two")]);
  assert.ok(statuses.includes(0) && statuses.every((status) => status === 0 || status === 77), String(statuses));
  const checks = ["one", "two"].map((folder) => trial.run(`lockstep kit check ${shares(trial, folder)}`).status);
  assert.deepEqual(new Set(checks), new Set([0, 77]));
});

test("pages for a folder that cannot be made are refused at once, and the kit that is in use stays", (t) => {
  const trial = newTrial(t);
  trial.prepare("lockstep init vault --key-file key --no-kit-check");
  const before = kitInUse(trial);
  const refused = trial.run("timeout 60 lockstep kit create --to /proc/lockstep/kit --no-kit-check");
  assert.equal(refused.status, 64, refused.stderr);
  assert.match(refused.stderr, /making the folder \/proc\/lockstep\/kit for the kit's pages failed/);
  assert.equal(kitInUse(trial), before);
});
