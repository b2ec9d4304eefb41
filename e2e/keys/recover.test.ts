import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Trial } from "../cli/trial.ts";
import { volumeTrial } from "../cli/volume-rig.ts";
import { readKit, shareOptions } from "./kit-rig.ts";
import type { PrintedKit } from "./kit-rig.ts";

/** Nobody's key side outlives its test. */
function sealed(t: TestContext, trial: Trial): Trial {
  t.after(() => {
    const pid = Number(
      existsSync(trial.path("state/keys/lock")) ? readFileSync(trial.path("state/keys/lock"), "utf8") : "",
    );
    if (pid > 1 && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGTERM");
  });
  return trial;
}

/** A vault with a point of web01, which web01/v1 opens, and three custodians of whom two are needed. */
function protectedTrial(t: TestContext): { readonly trial: Trial; readonly kit: PrintedKit } | null {
  const trial = volumeTrial(t);
  if (trial === null) return null;
  sealed(t, trial);
  trial.prepare(
    "rm config.toml",
    "lockstep init vault --key-file key --no-kit-check --custodians anna,boris,陈 --threshold 2",
    "lockstep key add web01 --value-file pw.bare",
    "lockstep key bind web01/v1 disks/luks2.raw",
    "lockstep protect web01 --disk disks/luks2.raw --keep daily=7",
    "lockstep backup web01",
    "lockstep copy make",
  );
  return { trial, kit: readKit(trial.path("lockstep-kit")) };
}

/** Another machine, which has a copy of the vault as it is now, and nothing else. */
function otherMachine(t: TestContext, vault: string): Trial {
  const trial = sealed(t, new Trial(t));
  cpSync(vault, trial.path("vault"), { recursive: true });
  return trial;
}

function recover(trial: Trial, { shares, signingKey }: PrintedKit, more = ""): string {
  return `lockstep recover --vault vault ${shareOptions(trial, shares.slice(1))} --signing-key '${signingKey}' ${more}`;
}

test("a vault and two of three pages bring everything back on an empty machine", (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial: lost, kit } = made;
  for (const name of readdirSync(lost.path("lockstep-kit"))) {
    assert.equal(statSync(lost.path("lockstep-kit", name)).mode & 0o777, 0o600);
  }
  const secret = readFileSync(lost.path("pw.bare"), "utf8");
  lost.prepare("lockstep keystore seal");
  const machine = otherMachine(t, lost.path("vault"));
  for (const name of ["vault", "state", "key", "config.toml", "disks"])
    rmSync(lost.path(name), { recursive: true, force: true });

  const said = machine.prepare(recover(machine, kit));
  assert.match(said, /The key store [0-9a-f]{32} is back: 1 key, 1 version, 1 binding. Its epoch is 2./);
  const frozen = machine.run("lockstep key reveal web01/v1 --reason test --to revealed");
  assert.match(frozen.stderr, /KEY_STORE_FROZEN/, frozen.stderr);
  const restored = machine.run("lockstep restore web01 --to-dir out --dry-run");
  assert.match(
    restored.stdout,
    /nobody gets the key now:\n.*frozen.*\n.*`lockstep check --all` ends it/,
    restored.stderr,
  );
  const checked = machine.run("lockstep check web01");
  assert.match(checked.stdout, /web01: 1 of 1 point opened with web01\/v1; 1 green/, checked.stderr);
  machine.prepare("lockstep key reveal web01/v1 --reason test --to revealed");
  assert.equal(readFileSync(machine.path("revealed"), "utf8").trimEnd(), secret.trimEnd());
  machine.prepare("lockstep restore web01 --to-dir out --require-green", "lockstep vault check");

  const kitCheck = machine.run(`lockstep kit check ${shareOptions(machine, kit.shares.slice(0, 2))}`);
  assert.match(kitCheck.stdout, /opens copy \d+ of epoch 2 in .*vault/, kitCheck.stderr);
  assert.match(kitCheck.stdout, /All the same, the custodians changed since it was made/);
});

test("a reader that knows the formats and has age reads the same, without Lockstep", (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial, kit } = made;
  for (const tool of ["age", "openssl"]) {
    if (spawnSync(tool, ["--version"]).error !== undefined) {
      console.error(`NOT TESTED: ${t.name}: needs ${tool}`);
      return t.skip(`needs ${tool}`);
    }
  }
  shareOptions(trial, kit.shares);
  const reader = join(import.meta.dirname, "reader");
  const words = [reader, kit.signingKey, trial.path("vault"), trial.path("share-0"), trial.path("share-2")];
  const { stdout, stderr } = spawnSync("python3", words, { encoding: "utf8" });
  assert.equal(stderr, "");
  const read = JSON.parse(stdout) as { epoch: number; refused: unknown[]; versions: unknown[] };
  const value = Buffer.from(readFileSync(trial.path("pw.bare"), "utf8").trimEnd()).toString("base64");
  assert.deepEqual([read.epoch, read.refused], [1, []]);
  assert.deepEqual(read.versions, [{ name: "web01/v1", kind: "passphrase", value }]);
});

test("who recovers later wins: the server that was recovered before, and the one that survived, freeze", (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial: survivor, kit } = made;
  const second = sealed(t, new Trial(t));
  const vault = survivor.path("vault");
  const words = (trial: Trial): string => recover(trial, kit).replace("--vault vault", `--vault ${vault}`);
  assert.match(second.prepare(words(second)), /Its epoch is 2/);
  const again = second.run(words(second));
  assert.match(again.stderr, /KEY_STORE_EXISTS/);
  const frozen = survivor.run("lockstep copy make");
  assert.match(frozen.stderr, /it was recovered elsewhere: epoch 2 was claimed .*KEY_STORE_FROZEN/);
  assert.match(survivor.run("lockstep key reveal web01/v1 --reason x --to y").stderr, /recovered elsewhere/);
  const third = sealed(t, new Trial(t));
  assert.match(third.prepare(words(third)), /Its epoch is 3/);
  assert.match(second.run("lockstep copy make").stderr, /epoch 3 was claimed/);
});

test("two machines of one name that recover at once make two epochs, or one of them says that it lost; the later one goes on", async (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial: lost, kit } = made;
  lost.prepare("lockstep keystore seal");
  const machines = [sealed(t, new Trial(t)), sealed(t, new Trial(t))];
  const statuses = await Promise.all(
    machines.map(async (machine) => {
      const line = recover(machine, kit).replace("--vault vault", `--vault ${lost.path("vault")}`);
      const child = spawn("/bin/sh", ["-c", `${line} 2> said`], {
        cwd: machine.folder,
        env: machine.variables,
        stdio: "ignore",
      });
      const [status] = (await once(child, "exit")) as [number | null];
      return status;
    }),
  );
  assert.ok(statuses.includes(0), machines.map((machine) => readFileSync(machine.path("said"), "utf8")).join("\n"));
  const goOn = machines.filter((machine, at) => statuses[at] === 0 && machine.run("lockstep copy make").status === 0);
  assert.equal(goOn.length, 1);
  for (const machine of goOn) machine.prepare("lockstep vault check");
});

test("a recovery that is killed when its epoch is claimed is run again, and ends well", async (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial: lost, kit } = made;
  lost.prepare("lockstep keystore seal");
  const machine = otherMachine(t, lost.path("vault"));
  const line = recover(machine, kit);
  const child = spawn("/bin/sh", ["-c", `exec ${line}`], {
    cwd: machine.folder,
    env: machine.variables,
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  while (!existsSync(machine.path("vault/keystore/epoch-00000002")) && child.exitCode === null) await setTimeout(1);
  child.kill("SIGKILL");
  await ended;
  assert.ok(!existsSync(machine.path("state/keys/keys.db")));
  assert.ok(existsSync(machine.path("state/identities/custodian.token")));
  assert.match(machine.prepare(line), /is back: 1 key, 1 version, 1 binding. Its epoch is 3./);
  assert.deepEqual(
    readdirSync(machine.path("state/keys")).filter((name) => !/^(keys\.db|lock|socket|key-side\.log)/.test(name)),
    [],
  );
  assert.match(machine.run("lockstep check web01").stdout, /1 green/);
});

test("newer copies that were taken away are named by the vault's receipts, and versions by its points' statements", (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial: lost, kit } = made;
  lost.prepare(
    "lockstep key add web02 --value-file pw.bare",
    "lockstep copy make",
    "lockstep backup web01",
    "lockstep key add web03 --value-file pw.bare",
    "lockstep copy make",
    "lockstep key add web04 --value-file pw.bare",
    "lockstep copy make",
    "lockstep keystore seal",
  );
  const machine = otherMachine(t, lost.path("vault"));
  const copies = readdirSync(machine.path("vault/keystore"))
    .filter((name) => !name.startsWith("epoch"))
    .toSorted();
  rmSync(machine.path("vault/keystore", copies.at(-2) ?? assert.fail()));
  const cut = machine.run(recover(machine, kit));
  assert.equal(cut.status, 65, cut.stderr);
  assert.match(cut.stderr, /copy \d+ of epoch 1 is there, and one that it goes on from is not/);
  for (const name of copies.slice(1)) rmSync(machine.path("vault/keystore", name), { force: true });
  const refused = machine.run(recover(machine, kit));
  assert.equal(refused.status, 65, refused.stderr);
  assert.match(refused.stderr, /the vault knows of copy \d+ of epoch 1 .*, and the newest good one is 1 of epoch 1/);
  assert.match(refused.stderr, /that copy 1 of epoch 1 does not have: web01\/v1 \(machine web01\)/);
  assert.ok(!existsSync(machine.path("state/keys/keys.db")));
  const accepted = machine.run(recover(machine, kit, "--accept-older"));
  assert.equal(accepted.status, 0, accepted.stderr);
  assert.match(accepted.stderr, /COPY_OLDER/);
});

test("shares that are mistyped, too few, or of another kit are told apart, and a wrong signing key is refused", (t) => {
  const made = protectedTrial(t);
  if (made === null) return;
  const { trial, kit } = made;
  const [first = "", second = ""] = kit.shares;
  const mistyped = first.replace(/^./, (letter) => (letter === "0" ? "1" : "0"));
  const attempt = (shares: readonly string[], signingKey = kit.signingKey): string =>
    trial.run(
      `LOCKSTEP_STATE_DIR="$PWD/other" lockstep recover --vault vault ${shareOptions(trial, shares)} --signing-key '${signingKey}'`,
    ).stderr;
  assert.match(attempt([mistyped, second]), /mistyped in group 1 \[KIT_INVALID\]/);
  assert.match(attempt([first]), /needs 2 shares, and there is 1 \[KIT_REJECTED\]/);
  assert.match(attempt([first, first]), /share 1 is there twice \[KIT_REJECTED\]/);
  trial.prepare("lockstep kit create --to new-kit --no-kit-check");
  const renewed = readKit(trial.path("new-kit"));
  assert.match(attempt([first, ...renewed.shares]), /several sets/);
  assert.match(attempt([first, second], renewed.shares[0]), /KIT_INVALID/);
  const check = trial.run(`lockstep kit check ${shareOptions(trial, [first, second])}`);
  assert.match(check.stderr, /KIT_REJECTED/);
  const renewedCheck = trial.run(`lockstep kit check ${shareOptions(trial, renewed.shares)}`);
  assert.match(renewedCheck.stdout, /check it again in a year/);
  assert.match(renewedCheck.stderr, /the kit [0-9a-f]{8} opens .*vault as well \[OTHER_KIT\]/);
});
