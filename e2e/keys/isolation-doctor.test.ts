import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Trial } from "../cli/trial.ts";
import { later, mounted, newFolder, skipUnlessRoot } from "../disk/rig.ts";

type Found = { readonly code: string; readonly what: string };

/** A vault with its key store and a kit that nobody checked; the state of both is in `state`. */
function trialIn(t: TestContext, state: string, vault: string): (line: string) => Record<string, unknown> {
  const trial = new Trial(t);
  const given = `LOCKSTEP_STATE_DIR=${state} LOCKSTEP_VAULT=${vault} lockstep`;
  writeFileSync(trial.path("config.toml"), "[keys]\nidle-minutes = 5\n");
  trial.prepare(`${given} init ${vault} --key-file key --key-store-opens key-file --no-kit-check`);
  later(t, () => endKeySide(state));
  return (line) => trial.json(`${given} ${line}`);
}

/** What it holds open keeps a file system mounted. */
async function endKeySide(state: string): Promise<void> {
  const pid = Number(readFileSync(join(state, "keys/lock"), "utf8"));
  if (!existsSync(`/proc/${pid}`)) return;
  process.kill(pid, "SIGTERM");
  for (let tries = 0; existsSync(`/proc/${pid}`); tries++) {
    assert.ok(tries < 400, "the key side does not end");
    await setTimeout(50);
  }
}

function codes({ findings }: Record<string, unknown>): readonly string[] {
  return (findings as readonly Found[]).map(({ code }) => code);
}

/** The members that docs/json.md lists for a command. */
function documented(command: string): readonly (string | undefined)[] {
  const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");
  const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, member]) => member);
}

test("in a trial under one user, doctor says that it is not isolated, and what else is not as it should be", (t) => {
  const folder = newFolder(t);
  const lockstep = trialIn(t, join(folder, "state"), join(folder, "vault"));
  const { command, warnings, ...members } = lockstep("doctor");
  assert.deepEqual([command, warnings, Object.keys(members)], ["doctor", [], documented("doctor")]);
  const keySide = codes(members).slice(0, 4);
  assert.deepEqual(keySide, ["NOT_ISOLATED", "ONE_CUSTODIAN", "COPIES_FEW", "KIT_STALE"]);
  // Neither key store nor vault lie on what the vault backs up: it backs up nothing.
  assert.ok(!codes(members).some((code) => code.endsWith("_IN_ITSELF")));

  writeFileSync(join(folder, "state/vaults/0123.key"), "", { mode: 0o644 });
  assert.ok(codes(lockstep("doctor")).includes("SECRET_EXPOSED"));
  const hostOnly = lockstep("doctor --host-only");
  assert.match(String((hostOnly["notLookedAt"] as readonly string[])[0]), /--host-only/);
});

test("a key store and a vault on a disk that the vault backs up are found, through the loop device", (t) => {
  if (skipUnlessRoot(t, "mkfs.ext4")) return;
  const { mountPoint, image } = mounted(t, "ext4", 128 * 2 ** 20);
  const lockstep = trialIn(t, join(mountPoint, "state"), join(mountPoint, "vault"));
  const before = codes(lockstep("doctor"));
  lockstep(`protect itself --disk ${image}`);
  const after = codes(lockstep("doctor"));
  const added = after.filter((code) => !before.includes(code));
  // The kit opens the vault, so that its key file need not.
  assert.deepEqual(added, ["KEY_HOST_IN_ITSELF", "VAULT_IN_ITSELF"]);
});

test("what setup would do is said to a program as documented, and to anybody", (t) => {
  const trial = new Trial(t);
  const { command, warnings, ...members } = trial.json(
    "env -u LOCKSTEP_CONFIG lockstep setup system --dry-run --vault /backup/vault",
  );
  assert.deepEqual([command, warnings, Object.keys(members)], ["setup system", [], documented("setup system")]);
  assert.ok(Array.isArray(members["steps"]) && members["steps"].length > 0);
  const named = trial.json("touch config.toml; lockstep setup system --dry-run");
  assert.partialDeepStrictEqual(named, { error: { code: "ARGUMENT_INVALID" } });
  const unfit = trial.json("env -u LOCKSTEP_CONFIG lockstep setup system --dry-run --vault '/a b'");
  assert.partialDeepStrictEqual(unfit, { error: { code: "ARGUMENT_INVALID" } });
});
