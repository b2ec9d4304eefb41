import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { KeyHost } from "./key-host.ts";
import type { Outcome } from "./key-host.ts";

const bin = join(import.meta.dirname, "../../bin");

/** The members of a JSON document that a command printed. */
function document({ stdout }: Outcome): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("two custodians: what one asks for, the other approves, and the audit log tells it", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const alice = (...words: readonly string[]) => host.run(...words);
  const bob = host.person("bob");

  const added = await alice("identity", "add", "bob", "--role", "custodian", "--to", "bob/identities/custodian.token");
  assert.equal(added.status, 0, added.stderr);
  assert.equal(statSync(host.path("bob/identities/custodian.token")).mode & 0o777, 0o600);

  const unknown = await alice("policy", "set", "nothing=3");
  assert.match(unknown.stderr, /there is no setting nothing \[NAME_UNKNOWN\]\n {2}hint: There are proofIntervalDays, /);
  const asked = await alice("policy", "set", "proofIntervalDays=3");
  assert.equal(asked.status, 75);
  assert.match(asked.stderr, /another custodian must approve it: approval [0-9a-f]{32} \[APPROVAL_NEEDED\]/);
  const id = /approval ([0-9a-f]{32})/.exec(asked.stderr)?.[1]?.slice(0, 8) ?? assert.fail();

  assert.equal((await alice("approval", "approve", id)).status, 77);
  const shown = await bob("approval", "show", id);
  assert.match(shown.stdout, /^act +policy\.set policy\nasked with +\{"proofIntervalDays":3\}$/m);
  assert.match(
    (await bob("approval", "list")).stdout,
    new RegExp(`^${id} +policy\\.set +policy +custodian@.* waiting$`, "m"),
  );
  const approved = await bob("approval", "approve", id);
  assert.match(approved.stdout, /Approved: custodian@\S+ can do it now, by asking for the same again\.\n$/);

  const done = await alice("policy", "set", "proofIntervalDays=3");
  assert.match(done.stdout, /^proofIntervalDays +3$/m);
  assert.equal((await alice("policy", "set", "proofIntervalDays=3")).status, 75); // once
  assert.match((await alice("policy", "show")).stdout, /^proofIntervalDays +3$/m);

  const list = await alice("audit", "list", "--last", "4");
  assert.match(list.stdout, /done +approval\.approve +[0-9a-f]{32}\n +act=policy\.set of=policy askedBy=custodian@/);
});

test("who does what a new custodian is told has his own say", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const added = await host.run("identity", "add", "bob", "--role", "custodian", "--to", "bob.token");
  const home = host.path("home of bob");
  const [, keep = ""] = /^ +keep it by +(.*)$/m.exec(added.stdout) ?? [];
  const [, configure = ""] = /^ +configure +(.*)$/m.exec(added.stdout) ?? [];
  const [, type = ""] = /^ +then type +(.*?):/m.exec(added.stdout) ?? [];
  mkdirSync(join(home, ".config/lockstep"), { recursive: true });
  writeFileSync(join(home, ".config/lockstep/config.toml"), `${configure}\n`);
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: home };
  const places = "export LOCKSTEP_CONFIG=~/.config/lockstep/config.toml LOCKSTEP_STATE_DIR=~/.local/state/lockstep"; // root has others
  const done = spawnSync("/bin/sh", ["-ec", `${places}\n${keep}\n${type}`], { env, encoding: "utf8" });
  assert.deepEqual([done.status, done.stderr], [0, ""], added.stdout);
  assert.match(done.stdout, /^APPROVAL +ACT/);
});

test("an identity is listed, and asks no more once it is revoked", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const word = ["identity", "add", "audit2026", "--role", "auditor", "--expires", "2100-01-01"] as const;
  const nowhere = await host.run(...word);
  assert.equal(nowhere.status, 64);
  assert.match(nowhere.stderr, /no terminal to show its token at/);
  const unkept = await host.run(...word, "--to", "config.toml/token");
  assert.match(unkept.stderr, /\[TARGET_EXISTS\]/);
  assert.doesNotMatch((await host.run("identity", "list")).stdout, /audit2026/, "nobody would have its token");
  assert.equal((await host.run(...word, "--this-host")).status, 0);
  assert.match(readFileSync(host.path("state/identities/auditor.token"), "utf8"), /^[0-9a-f]{64}\n$/);
  assert.match((await host.run("identity", "list")).stdout, /^audit2026 +auditor +\S+ +expires 2100-01-01$/m);
  assert.equal((await host.run("identity", "revoke", "audit2026")).status, 0);
  assert.match((await host.run("identity", "list")).stdout, /^audit2026 +auditor +\S+ +revoked \S+$/m);
  const { identities } = document(await host.run("identity", "list", "--json")) as {
    identities: { name: string; role: string }[];
  };
  const own = identities.find(({ role }) => role === "custodian") ?? assert.fail();
  const refused = await host.run("identity", "revoke", own.name);
  assert.match(refused.stderr, /\[CUSTODIAN_LAST\]/);
});

test("a host without a token is told that it needs one", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const stranger = host.person("elsewhere");
  const { status, stderr } = await stranger("identity", "list");
  assert.equal(status, 77);
  assert.match(stderr, /\[IDENTITY_REJECTED\]/);
});

test("the audit log is checked, and exported to a file that is never written over", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const checked = await host.run("audit", "check");
  assert.match(checked.stdout, /^1 entry, 0 signed heads, 0 receipts of vaults\nThe audit log is whole\.\n$/);
  const exported = document(await host.run("audit", "export", "log.jsonl", "--json"));
  const lines = readFileSync(host.path("log.jsonl"), "utf8").trim().split("\n");
  assert.deepEqual([exported["path"], exported["lines"]], [host.path("log.jsonl"), lines.length]);
  assert.match(lines[0] ?? "", /^\{"format":"lockstep audit 1"/);
  const again = await host.run("audit", "export", "log.jsonl");
  assert.deepEqual([again.status, /\[TARGET_EXISTS\]/.test(again.stderr)], [75, true]);
});

test("every one of these commands prints the members that are documented for it", async (t) => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const bob = host.person("bob");
  const lines: readonly (readonly [command: string, given: readonly string[]])[] = [
    ["identity add", ["bob", "--role", "custodian", "--to", "bob/identities/custodian.token"]],
    ["identity list", []],
    ["policy show", []],
    ["audit list", []],
    ["audit check", []],
    ["audit export", ["log"]],
    ["approval list", []],
  ];
  const check = (command: string, outcome: Outcome): void => {
    const { command: named, warnings, ...members } = document(outcome);
    assert.deepEqual([named, warnings], [command, []], outcome.stdout);
    const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
    const documented = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, member]) => member);
    assert.deepEqual(Object.keys(members), documented, command);
  };
  for (const [command, given] of lines) check(command, await host.run(...command.split(" "), ...given, "--json"));
  const ask = async (): Promise<string> => {
    const { error } = document(await host.run("policy", "set", "proofIntervalDays=2", "--json")) as {
      error: { message: string };
    };
    return /approval (\w{32})/.exec(error.message)?.[1] ?? assert.fail(error.message);
  };
  const first = await ask();
  check("approval show", await bob("approval", "show", first, "--json"));
  check("approval reject", await host.run("approval", "reject", first, "--json"));
  check("approval approve", await bob("approval", "approve", await ask(), "--json"));
  check("policy set", await host.run("policy", "set", "proofIntervalDays=2", "--json"));
});

test("on a host of an auditor, what auditors may ask for works, and nothing else", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const auditor = host.person("audit");
  const word = ["identity", "add", "eve", "--role", "auditor", "--to", "audit/identities/auditor.token"] as const;
  assert.equal((await host.run(...word)).status, 0);
  assert.equal((await auditor("audit", "check")).status, 0);
  assert.match(
    (await auditor("policy", "set", "proofIntervalDays=2")).stderr,
    /eve \(auditor\) may not \[NOT_ALLOWED\]/,
  );
});

test("a token file that others wrote into is refused like any wrong token", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  writeFileSync(host.path("state/identities/custodian.token"), "not a token\n");
  assert.match((await host.run("identity", "list")).stderr, /\[IDENTITY_REJECTED\]/);
});
