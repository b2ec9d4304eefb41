import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { systemRandom } from "#crypto/derive.ts";
import { kitSetId, kitVaultKey, kitWayLabel, newKitSecret } from "#keys/kit/kit-secret.ts";
import { splitKit } from "#keys/kit/kit-shares.ts";
import { tryInProcess } from "#main/wiring/kit-process.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { keyringDeps } from "#testing/vaults/keyring-deps.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";

const { signal } = new AbortController();
const secret = newKitSecret(systemRandom);
const shares = await splitKit(secret, { threshold: 2, shares: 3 });
const targets = { epoch: 1, signingKey: new Uint8Array(32), places: [], vaults: [] };

/** The processes that try kits for a process, those that ended left out (proc_pid_stat(5)). */
function children(parent: number = process.pid): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [state, of] = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /, "")
          .split(" ");
        return (
          state !== "Z" && Number(of) === parent && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("kit-child")
        );
      } catch {
        return false;
      }
    });
}

/** Waits for such a process of a process. */
async function started(parent?: number): Promise<number> {
  for (;;) {
    const [child] = children(parent);
    if (child !== undefined) return child;
    await setTimeout(5);
  }
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-kit-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A place of which a look never comes to an end within the time of a test: it is tried again and again. */
async function slowPlace(t: TestContext): Promise<string> {
  const folder = newFolder(t);
  await createDirectoryRoot(folder, {}, signal);
  symlinkSync("keystore", join(folder, "keystore"));
  return folder;
}

test("verdicts come back, of vaults that open and of those that do not; and nothing is left of the process", async (t) => {
  const [vault, other] = [newFolder(t), newFolder(t)];
  for (const folder of [vault, other]) await createDirectoryRoot(folder, {}, signal);
  const kitWay = {
    label: kitWayLabel(kitSetId(secret)),
    secret: { kind: "keyfile", key: kitVaultKey(secret) },
  } as const;
  const older = newKitSecret(systemRandom);
  const olderWay = {
    label: kitWayLabel(kitSetId(older)),
    secret: { kind: "keyfile", key: kitVaultKey(older) },
  } as const;
  const made = async (folder: string, ...ways: (typeof kitWay)[]) =>
    createVault(await openDirectoryStore(folder, {}, signal), { ways }, keyringDeps(folder), signal);
  const { vault: facts } = await made(vault, kitWay, olderWay);
  await made(other, olderWay);

  const { trials, vaults, newest, others } = await tryInProcess(
    shares.slice(1),
    { ...targets, places: [{ place: vault, newest: 1 }], vaults: [vault, other] },
    signal,
  );
  assert.deepEqual(
    trials.map(({ opened }) => opened),
    [null, `vault ${facts.id}`, null],
  );
  assert.match(trials[0]?.failure ?? "", /the newest that should be there is missing/);
  assert.deepEqual([vaults, newest, others], [[facts.id], 0, [{ place: vault, label: olderWay.label }]]);
  assert.deepEqual(children(), []);
});

test("shares that do not go together are refused in the same words as anywhere", async () => {
  await assert.rejects(tryInProcess(shares.slice(0, 1), targets, signal), {
    code: "KIT_REJECTED",
    message: /needs 2 shares, and there is 1/,
    hint: "Ask the other custodians for theirs.",
  });
});

test("one that is cancelled is killed, and one that was killed is said to be", async (t) => {
  const place = { place: await slowPlace(t), newest: 1 };
  const stop = new AbortController();
  const cancelled = assert.rejects(tryInProcess(shares, { ...targets, places: [place] }, stop.signal), {
    code: "CANCELLED",
  });
  await started();
  stop.abort();
  await cancelled;
  assert.deepEqual(children(), []);
  await assert.rejects(tryInProcess(shares, targets, stop.signal), { code: "CANCELLED" });

  const killed = assert.rejects(tryInProcess(shares, { ...targets, places: [place] }, signal), {
    code: "KIT_NOT_TRIED",
    message: /its process was ended by SIGKILL/,
  });
  process.kill(await started(), "SIGKILL");
  await killed;
});

test("it dies with the process that asked; it leaves no core file, and no share is in its arguments or environment", async (t) => {
  const place = JSON.stringify(await slowPlace(t));
  const script = `
    const { tryInProcess } = await import(${JSON.stringify(import.meta.resolve("#main/wiring/kit-process.ts"))});
    const { splitKit } = await import(${JSON.stringify(import.meta.resolve("#keys/kit/kit-shares.ts"))});
    const { Secret } = await import(${JSON.stringify(import.meta.resolve("#bytes/secret.ts"))});
    const shares = await splitKit(new Secret(new Uint8Array(32)), { threshold: 1, shares: 1 });
    const targets = { epoch: 1, signingKey: new Uint8Array(32), places: [{ place: ${place}, newest: 1 }], vaults: [] };
    await tryInProcess(shares, targets, new AbortController().signal);`;
  const parent = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], { stdio: "ignore" });
  const child = await started(parent.pid);
  // Past its start: what tries a place again and again has been at it for a while.
  await setTimeout(1500);
  assert.deepEqual(children(parent.pid), [child]);
  assert.match(readFileSync(`/proc/${child}/limits`, "utf8"), /^Max core file size +0 +0 /m);
  assert.match(readFileSync(`/proc/${child}/cmdline`, "utf8"), /^[^\0]+\0--no-warnings\0[^\0]+kit-child\.ts\0$/);
  assert.match(readFileSync(`/proc/${child}/environ`, "utf8"), /^(NODE_[A-Z_]+=[^\0]*\0)*$/);
  parent.kill("SIGKILL");
  const isThere = (): boolean => {
    try {
      return !/\) Z /.test(readFileSync(`/proc/${child}/stat`, "utf8"));
    } catch {
      return false;
    }
  };
  for (let tries = 0; isThere(); tries++) {
    assert.ok(tries < 100, "it outlives its parent");
    await setTimeout(20);
  }
});
