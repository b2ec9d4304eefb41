import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { KeyHost, outcomeOf, serve } from "./key-host.ts";

const minutes = { idleMinutes: 5 } as const;
const seconds = { idleMinutes: 0.02 } as const;

/** What the key side says of itself. */
function show(host: KeyHost) {
  return host.with(async (app) => (await app.keySide("custodian")).call("store.show", {}, app.signal));
}

test("a command starts the key side, others find it, and it ends by itself when nobody asks", async (t) => {
  const host = new KeyHost(t, seconds);
  await host.makeKeyStore();
  assert.equal(host.keySide(), null);
  assert.deepEqual([(await show(host)).sealed], [false]);
  const first = host.keySide();
  assert.notEqual(first, null);
  await show(host);
  assert.equal(host.keySide(), first);
  await host.ended();
  assert.equal(existsSync(host.path("state/keys/socket")), false);
  assert.equal(host.log().at(-1)?.["why"], "idle");
  assert.equal((await show(host)).sealed, false); // and is started again
});

test("commands that start at once share one key side", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => host.run("identity", "list", "--json")));
  for (const { status, stdout, stderr } of outcomes) assert.equal(status, 0, stdout + stderr);
  assert.equal(host.log().filter(({ msg }) => msg === "the key side answers").length, 1);
  process.kill(host.keySide() ?? assert.fail(), "SIGTERM");
  await host.ended();
  await setTimeout(2000);
  assert.equal(host.keySide(), null, "one that came too late has the key store, and nobody asked for it");
});

test("after it was killed, the next command takes its socket over", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  await show(host);
  const killed = host.keySide() ?? assert.fail();
  process.kill(killed, "SIGKILL");
  await host.ended();
  assert.equal(existsSync(host.path("state/keys/socket")), true);
  await show(host);
  assert.notEqual(host.keySide(), killed);
});

test("a command that runs for long does not notice that the key side ended meanwhile", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  await host.with(async ({ keySide, signal }) => {
    const client = await keySide("custodian");
    const { id } = await client.call("store.show", {}, signal);
    process.kill(host.keySide() ?? assert.fail(), "SIGTERM");
    await host.ended();
    assert.equal((await client.call("store.show", {}, signal)).id, id);
  });
});

test("stopped by a signal, it ends as it should", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  const child = await serve(host, "--json");
  const outcome = outcomeOf(child);
  child.kill("SIGTERM");
  const { status, stdout } = await outcome;
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), {
    command: "keystore serve",
    warnings: [],
    socket: host.path("state/keys/socket"),
    end: "stopped",
  });
  assert.equal(existsSync(host.path("state/keys/socket")), false);
});

test("one process serves a key store", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  await show(host);
  const { status, stderr } = await host.run("keystore", "serve");
  assert.equal(status, 75);
  assert.match(stderr, new RegExp(`process ${host.keySide()} has it \\[KEY_STORE_BUSY\\]`));
});

test("a key side that nobody can reach any more ends", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  await show(host);
  const pid = host.keySide() ?? assert.fail();
  rmSync(host.path("state"), { recursive: true });
  for (let tries = 0; existsSync(`/proc/${pid}`); tries++) {
    assert.ok(tries < 200, "it still runs");
    await setTimeout(50);
  }
});

test("without a key store, or with one that cannot be served, a command says why", async (t) => {
  const host = new KeyHost(t, minutes);
  await assert.rejects(show(host), { code: "KEY_STORE_MISSING", hint: /lockstep recover.*keystore init/ });
  mkdirSync(host.path("state/keys"), { recursive: true });
  await assert.rejects(show(host), { code: "KEY_STORE_MISSING", hint: /lockstep recover.*keystore init/ });
  writeFileSync(host.path("state/keys/keys.db"), "this is no database, however long one looks at it".repeat(100));
  await assert.rejects(show(host), { code: "KEY_STORE_CORRUPT", hint: /lockstep recover/ });
});

test("another user's key store is his to start", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("only root can give files away");
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  chownSync(host.path("state/keys"), 65534, 65534);
  await assert.rejects(show(host), { code: "KEY_SIDE_UNREACHABLE", hint: /start its service/ });
  assert.equal(host.keySide(), null);
});

test("without its key file the store stays sealed, and the key side runs", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  rmSync(host.path("state/key-store.key"));
  assert.equal((await show(host)).sealed, true);
  process.kill(host.keySide() ?? assert.fail(), "SIGTERM");
  await host.ended();
  writeFileSync(host.path("state/key-store.key"), "LOCKSTEP-KEY-1-nonsense", { mode: 0o600 });
  assert.equal((await show(host)).sealed, true);
  assert.match(String(host.log().at(-2)?.["msg"]), /^the key store stays sealed: Reading the key file/);
});

test("a key store is made once, and never over another's tokens", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  for (const file of ["state/identities/custodian.token", "state/identities/backup.token", "state/key-store.key"]) {
    assert.equal(statSync(host.path(file)).mode & 0o777, 0o600, file);
  }
  const before = readFileSync(host.path("state/identities/custodian.token"), "utf8");
  await assert.rejects(host.makeKeyStore(), { code: "KEY_STORE_EXISTS" });
  rmSync(host.path("state/keys"), { recursive: true });
  rmSync(host.path("state/key-store.key"));
  await assert.rejects(host.makeKeyStore(), { code: "KEY_STORE_EXISTS", message: /has a token already/ });
  assert.equal(readFileSync(host.path("state/identities/custodian.token"), "utf8"), before);
  for (const file of ["state/key-store.key", "state/keys/keys.db", "state/keys/keys.db.new"]) {
    assert.equal(existsSync(host.path(file)), false, file);
  }
});

test("nothing secret is in its arguments and environment, and its input and output lead nowhere", async (t) => {
  const host = new KeyHost(t, minutes);
  await host.makeKeyStore();
  await show(host);
  const pid = host.keySide() ?? assert.fail();
  const told = readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
  const secrets = ["state/identities/custodian.token", "state/identities/backup.token", "state/key-store.key"];
  for (const file of secrets) {
    const secret = readFileSync(host.path(file), "utf8").trim().split("\n").at(-1) ?? assert.fail();
    assert.ok(!told.includes(secret), file);
  }
  assert.equal(readlinkSync(`/proc/${pid}/fd/0`), "/dev/null");
  assert.equal(readlinkSync(`/proc/${pid}/fd/2`), "/dev/null");
});

test("its memory is out of reach of other processes of its user, and in no core file", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("only root can start it as somebody else");
  const nobody = 65534;
  const host = new KeyHost(t, { ...minutes, owner: nobody });
  await host.makeKeyStore();
  const own = ["state", "state/keys", "state/keys/keys.db", "state/keys/lock", "state/key-store.key"];
  for (const file of [".", ...own]) chownSync(host.path(file), nobody, nobody);
  chmodSync(host.folder, 0o755);
  const child = await serve(host);
  const pid = host.keySide() ?? assert.fail();
  // What a process that can be traced has in /proc belongs to its user.
  assert.equal(statSync(`/proc/${pid}/mem`).uid, 0);
  assert.match(readFileSync(`/proc/${pid}/limits`, "utf8"), /^Max core file size +0 +0 /m);
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), new RegExp(`^Uid:\\t${nobody}\\t`, "m"));
  child.kill("SIGTERM");
  assert.equal((await outcomeOf(child)).status, 0);
});
