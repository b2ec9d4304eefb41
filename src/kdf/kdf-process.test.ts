import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { isLockstepError } from "#errors/errors.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { kdfProcess } from "#kdf/kdf-process.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

const { signal } = new AbortController();
const limits = { memoryMiB: 64, seconds: 60 };
const salt = Uint8Array.from({ length: 16 }, (_, at) => at);
const quick: KdfRequest = { kind: "pbkdf2", hash: "sha256", iterations: 1000, salt, keyBytes: 32 };
/** Each takes days. */
const endless: KdfRequest[] = [
  { kind: "pbkdf2", hash: "sha256", iterations: 2 ** 31 - 1, salt, keyBytes: 60_000 },
  { kind: "argon2id", memoryKiB: 32 * 1024, passes: 2 ** 31, lanes: 2, salt, keyBytes: 32 },
  { kind: "bitlocker", rounds: 2 ** 32 - 1, salt },
];
/** For tests that wait for a process: it ends them where it never comes. */
const hung = { timeout: 120_000 };
const TEXT = "correct horse battery staple 32b";
const passphrase = (): Secret => new Secret(utf8(TEXT));

type Started = { readonly pid: number; readonly state: string; readonly cpuTicks: number };

/** A process as the kernel shows it (proc_pid_stat(5)); null when it is gone. */
function look(pid: number): (Started & { readonly parent: number }) | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return {
      pid,
      state: fields[0] ?? "",
      parent: Number(fields[1]),
      cpuTicks: Number(fields[11]) + Number(fields[12]),
    };
  } catch {
    return null;
  }
}

/** The derivation processes that a process has. */
function children(parent: number = process.pid): Started[] {
  const found: Started[] = [];
  for (const name of readdirSync("/proc")) {
    const seen = /^\d+$/.test(name) ? look(Number(name)) : null;
    if (seen?.parent !== parent || seen.state === "Z") continue;
    if (readFileSync(`/proc/${name}/cmdline`, "utf8").includes("kdf-child")) found.push(seen);
  }
  return found;
}

/** Waits until so many are past starting and at their work: 0.15 s of processor time. */
async function atWork(count: number, parent?: number): Promise<Started[]> {
  for (;;) {
    const working = children(parent).filter(({ cpuTicks }) => cpuTicks >= 15);
    if (working.length === count) return working;
    await delay(5);
  }
}

test("derives what this process would, several at once, and leaves no process behind", async () => {
  await using kdf = kdfProcess(limits);
  const requests: KdfRequest[] = [
    quick,
    { kind: "argon2i", memoryKiB: 64, passes: 2, lanes: 2, salt, keyBytes: 64 },
    { kind: "bitlocker", rounds: 100, salt },
  ];
  const keys = await Promise.all(requests.map(async (request) => kdf.derive(request, passphrase(), signal)));
  const expected = await Promise.all(requests.map(async (request) => deriveKey(request, passphrase())));
  assert.deepEqual(
    keys.map(({ bytes }) => hex(bytes)),
    expected.map(({ bytes }) => hex(bytes)),
  );
  assert.deepEqual(children(), []);
});

test("an abort kills derivations of every kind at their work", hung, async () => {
  await using kdf = kdfProcess(limits);
  const running = new AbortController();
  const derived = endless.map(async (request) => kdf.derive(request, passphrase(), running.signal));
  const outcomes = Promise.allSettled(derived);
  const working = await atWork(endless.length);
  running.abort();
  for (const outcome of await outcomes) {
    assert.ok(outcome.status === "rejected" && isLockstepError(outcome.reason, "CANCELLED"));
  }
  assert.deepEqual(
    working.map(({ pid }) => look(pid)),
    endless.map(() => null),
  );
  await assert.rejects(kdf.derive(quick, passphrase(), running.signal), { code: "CANCELLED" });
});

test("processes that are started ahead are used first, and those that are not are ended", hung, async () => {
  const kdf = kdfProcess(limits, 2);
  const ahead = children().map(({ pid }) => pid);
  assert.equal(ahead.length, 2);
  const failed = assert.rejects(kdf.derive(endless[0] ?? quick, passphrase(), signal), { code: "CANCELLED" });
  const [working] = await atWork(1);
  assert.ok(working !== undefined && ahead.includes(working.pid));
  assert.deepEqual(
    children().map(({ pid }) => pid),
    ahead,
  );
  await kdf[Symbol.asyncDispose]();
  await failed;
  assert.deepEqual(
    ahead.map((pid) => look(pid)),
    [null, null],
  );
});

test("one that was started ahead and died before it was used is done without", hung, async () => {
  await using kdf = kdfProcess(limits, 1);
  const [ahead] = children();
  assert.ok(ahead !== undefined);
  process.kill(ahead.pid, "SIGKILL");
  while (look(ahead.pid) !== null) await delay(5);
  const key = await kdf.derive(quick, passphrase(), signal);
  assert.equal(hex(key.bytes), hex((await deriveKey(quick, passphrase())).bytes));
});

test("when its parent is killed, a derivation ends, and so does a process that waits for one", hung, async () => {
  const script = `
    const { kdfProcess } = await import(${JSON.stringify(import.meta.resolve("#kdf/kdf-process.ts"))});
    const { Secret } = await import(${JSON.stringify(import.meta.resolve("#bytes/secret.ts"))});
    const salt = new Uint8Array(16);
    const request = { kind: "argon2id", memoryKiB: 32768, passes: 2 ** 31, lanes: 2, salt, keyBytes: 32 };
    const kdf = kdfProcess({ memoryMiB: 64, seconds: 600 }, 2);
    await kdf.derive(request, new Secret(new Uint8Array(8)), new AbortController().signal);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
  const [working] = await atWork(1, parent.pid);
  assert.ok(working !== undefined);
  const all = children(parent.pid);
  assert.equal(all.length, 2);
  parent.kill("SIGKILL");
  const isThere = ({ pid }: Started): boolean => !["Z", undefined].includes(look(pid)?.state);
  while (all.some(isThere)) await delay(5);
});

test("one that takes longer than it may is killed and says so", async () => {
  await using kdf = kdfProcess({ memoryMiB: 64, seconds: 0.2 });
  const [request] = endless;
  assert.ok(request !== undefined);
  await assert.rejects(kdf.derive(request, passphrase(), signal), {
    code: "KDF_FAILED",
    message: /by pbkdf2: it took longer than the 0.2 s/,
  });
  assert.deepEqual(children(), []);
});

test("one that takes more memory than it may fails and says so", async () => {
  await using kdf = kdfProcess(limits);
  const request: KdfRequest = { kind: "argon2id", memoryKiB: 1024 * 1024, passes: 1, lanes: 1, salt, keyBytes: 32 };
  await assert.rejects(kdf.derive(request, passphrase(), signal), {
    code: "KDF_FAILED",
    message: /by argon2id: .*; it needs 1024 MiB of memory/,
  });
});

test("one that is killed, as the kernel does when memory runs out, says so", hung, async () => {
  await using kdf = kdfProcess(limits);
  const failed = assert.rejects(kdf.derive(endless[2] ?? quick, passphrase(), signal), {
    code: "KDF_FAILED",
    message: /by bitlocker: its process was ended by SIGKILL/,
  });
  const [working] = await atWork(1);
  assert.ok(working !== undefined);
  process.kill(working.pid, "SIGKILL");
  await failed;
});

test("what is asked for without sense comes back as unsupported", async () => {
  await using kdf = kdfProcess(limits);
  const request: KdfRequest = { kind: "argon2id", memoryKiB: 8, passes: 1, lanes: 0, salt, keyBytes: 32 };
  await assert.rejects(kdf.derive(request, passphrase(), signal), { code: "VOLUME_UNSUPPORTED", message: /lanes: 0/ });
});

test("the secret is in no argument, environment or core file, and disposing ends what runs", hung, async () => {
  const kdf = kdfProcess(limits);
  const failed = assert.rejects(kdf.derive(endless[1] ?? quick, passphrase(), signal), { code: "CANCELLED" });
  const [working] = await atWork(1);
  assert.ok(working !== undefined);
  const shown = (name: string): string => readFileSync(`/proc/${working.pid}/${name}`, "latin1");
  assert.doesNotMatch(shown("cmdline") + shown("environ"), new RegExp(`${TEXT}|${hex(utf8(TEXT))}`));
  assert.match(shown("limits"), /^Max core file size +0 +0 /m);
  assert.match(shown("coredump_filter"), /^0+\n$/);
  await kdf[Symbol.asyncDispose]();
  await failed;
  assert.equal(look(working.pid), null);
  await assert.rejects(kdf.derive(quick, passphrase(), signal), { code: "CANCELLED" });
});
