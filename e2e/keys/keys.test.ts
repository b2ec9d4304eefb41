import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { KeyHost } from "./key-host.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/json.md"), "utf8");
const passphrase = "correct horse battery staple";

/** The members that docs/json.md lists for a command, in its order. */
function documented(command: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`lockstep ${command}\n`)) ?? "";
  const table = section.split("\n\n").find((part) => part.startsWith("|")) ?? "";
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, member = ""]) => member);
}

/** What a command line says that must work: its standard output. */
async function done(host: KeyHost, ...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await host.run(...words, "--quiet");
  assert.deepEqual([status, stderr], [0, ""], `${words.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** The JSON document of a command line. */
async function json(host: KeyHost, ...words: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await host.run(...words, "--json");
  const document: unknown = JSON.parse(stdout);
  assert.ok(typeof document === "object" && document !== null);
  return { ...document };
}

test("the life of a version, on the command line", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  writeFileSync(host.path("pw"), `${passphrase}\n`, { mode: 0o600 });

  assert.equal(await done(host, "key", "add", "web01", "--value-file", "pw"), "web01/v1: a passphrase was stored.\n");
  assert.equal(await done(host, "key", "add", "db01", "--generate"), "db01/v1: a passphrase was made and stored.\n");
  assert.match(
    await done(host, "key", "list"),
    /^VERSION +KIND +MADE +STATE\ndb01\/v1 .* usable\nweb01\/v1 .* usable\n$/,
  );

  await done(host, "key", "reveal", "web01/v1", "--reason", "a test", "--to", "revealed");
  assert.equal(readFileSync(host.path("revealed"), "utf8"), passphrase);
  assert.equal(statSync(host.path("revealed")).mode & 0o777, 0o600);
  const again = await host.run("key", "reveal", "web01/v1", "--reason", "a test", "--to", "revealed");
  assert.deepEqual([again.status, /TARGET_EXISTS/.test(again.stderr)], [75, true]);
  const piped = await host.run("key", "reveal", "web01/v1", "--reason", "a test");
  assert.deepEqual([piped.status, piped.stdout], [64, ""]);
  assert.match(piped.stderr, /no terminal/);

  const held = await done(host, "key", "hold", "web01/v1", "--reason", "tape 17", "--until", "2033-12-31");
  const [, hold = ""] =
    /^web01\/v1 is held, expected until 2033-12-31\. .* key release ([0-9a-f]{32})\n$/.exec(held) ?? [];
  for (const words of [
    ["key", "delete", "web01/v1"],
    ["key", "set", "web01/v1", "--disable"],
    ["key", "set", "web01/v1", "--expires", "2020-01-01"],
  ]) {
    const refused = await host.run(...words);
    assert.equal(refused.status, 75, words.join(" "));
    assert.match(refused.stderr, /refused: .* holds it, expected until 2033-12-31: tape 17 \[VERSION_NEEDED\]/);
  }
  await done(host, "key", "release", hold);

  await done(host, "key", "set", "web01/v1", "--disable");
  assert.match(await done(host, "key", "show", "web01"), /^web01\/v1: passphrase, given \d{4}-\d\d-\d\d, disabled\n$/);
  await done(host, "key", "set", "web01/v1", "--enable", "--note", "from the old list");
  assert.match((await host.run("key", "purge", "web01")).stderr, /VERSION_NOT_DELETED/);
  assert.match(await done(host, "key", "delete", "web01"), /^web01\/v1 is deleted\./);
  assert.match(await done(host, "key", "recover", "web01"), /^web01\/v1 is back: usable\n$/);
  await done(host, "key", "delete", "web01");
  assert.match(await done(host, "key", "purge", "web01"), /^web01\/v1: destroyed here\.\n {2}no copy of the key store/);
  const gone = await host.run("key", "reveal", "web01/v1", "--reason", "a test", "--to", "another");
  assert.deepEqual([gone.status, /VERSION_UNUSABLE/.test(gone.stderr)], [75, true]);
});

/** What somebody asks who wants to know what would come of an act: how that ends, and what is said. */
const whatIf: readonly (readonly [act: string, status: number, said: RegExp])[] = [
  [
    "delete web01",
    75,
    /^Deleting web01\/v1 would be refused: .* holds it, .* 2033-12-31: tape 17\.\nNothing needs web01/,
  ],
  ["delete web01", 75, /\nNothing needs web01\/v2: it would be deleted\.\nSo none of them would be deleted: .*\n$/],
  ["delete web01/v2", 0, /^Nothing needs web01\/v2: it would be deleted\.\n$/],
  ["purge web01/v1", 75, /^Destroying web01\/v1 would be refused: it is not deleted; .* holds it, .*: tape 17\.\n$/],
  ["purge web01/v2", 75, /^Destroying web01\/v2 would be refused: it is not deleted\.\n$/],
  ["set web01/v1 --disable", 75, /^Disabling web01\/v1 would be refused: .*: tape 17\.\n$/],
  ["set web01/v1 --expires 2020-01-01", 75, /^Back-dating the expiry of web01\/v1 would be refused: .*: tape 17\.\n$/],
  ["set web01/v1 --expires 2099-12-31", 0, /^web01\/v1 would be changed; what needs it would not lose it\.\n$/],
  ["set web01/v2 --disable", 0, /^Nothing needs web01\/v2: it would be changed\.\n$/],
  ["set web01/v2 --expires 2020-01-01 --activates 2021-01-01", 64, /^$/],
];

test("what would come of an act is said as it would come, and nothing is changed or noted", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  await done(host, "key", "add", "web01", "--generate");
  await done(host, "key", "add", "web01", "--generate");
  const held = await json(host, "key", "hold", "web01/v1", "--reason", "tape 17", "--until", "2033-12-31");
  const hold = String(held["hold"]);
  const all = async () => [await json(host, "key", "show", "web01"), await json(host, "audit", "list")];
  const before = await all();

  for (const [act, status, said] of whatIf) {
    const outcome = await host.run("key", ...act.split(" "), "--dry-run");
    assert.equal(outcome.status, status, act);
    assert.match(outcome.stdout, said);
  }
  assert.match(
    await done(host, "key", "release", hold, "--dry-run"),
    /^Without the hold nothing would need web01\/v1 any more\.\n$/,
  );
  const { dryRun, refused, foreseen } = await json(host, "key", "delete", "web01", "--dry-run");
  assert.deepEqual([dryRun, refused], [true, true]);
  assert.partialDeepStrictEqual(foreseen, [
    { version: "web01/v1", needs: [{ kind: "hold", hold }] },
    { version: "web01/v2", needs: [], refusal: null },
  ]);
  const left = await json(host, "key", "release", hold, "--dry-run");
  assert.partialDeepStrictEqual(left, { dryRun: true, hold, version: "web01/v1", needs: [], refusal: null });
  assert.deepEqual(await all(), before);

  for (const [act, status] of whatIf.filter(([, code]) => code !== 0)) {
    assert.equal((await host.run("key", ...act.split(" "))).status, status, act);
  }
  await done(host, "key", "delete", "web01/v2");
  assert.equal(
    await done(host, "key", "purge", "web01/v2", "--dry-run"),
    "Nothing needs web01/v2: it would be destroyed.\n",
  );
  assert.equal(await done(host, "key", "delete", "web01/v2", "--dry-run"), "There is nothing left to be deleted.\n");
  await done(host, "keystore", "seal");
  const sealed = await host.run("key", "purge", "web01/v2", "--dry-run");
  assert.deepEqual([sealed.status, /would be refused: the key store is sealed\./.test(sealed.stdout)], [75, true]);
});

test("a value that is damaged in the database is named, keeps no other from anything, and is put right by the same value", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  writeFileSync(host.path("pw"), `${passphrase}\n`, { mode: 0o600 });
  writeFileSync(host.path("wrong"), "wrong\n", { mode: 0o600 });
  writeFileSync(host.path("vault.pw"), "secret of the vault\n", { mode: 0o600 });
  await done(host, "init", "vault", "--passphrase-file", "vault.pw", "--no-kit-check");
  writeFileSync(host.path("web01.raw"), new Uint8Array(17 << 20));
  const format = "-q luksFormat --type luks1 --pbkdf-force-iterations 1000 --key-file - web01.raw".split(" ");
  execFileSync("cryptsetup", format, { cwd: host.folder, input: passphrase, stdio: "pipe" });
  await done(host, "key", "add", "web01", "--value-file", "pw");
  await done(host, "key", "add", "db01", "--generate");
  await done(host, "key", "bind", "web01/v1", "web01.raw");
  process.kill(host.keySide() ?? 0, "SIGTERM");
  await host.ended();
  const db = new DatabaseSync(host.path("state/keys/keys.db"));
  db.exec("UPDATE versions SET value = zeroblob(60) WHERE key = (SELECT id FROM keys WHERE name = 'web01')");
  db.close();

  await done(host, "copy", "make", "--full");
  assert.match(await done(host, "key", "show", "web01"), /^web01\/v1: passphrase, given \S+, damaged \d{4}/);
  assert.match((await host.run("doctor")).stdout, /VALUE_DAMAGED[^]*web01\/v1/);
  const status = await host.run("status", "--vault", "vault");
  assert.match(status.stdout, /the value of web01\/v1 is damaged, and newer copies lack it/);
  const heal = (file: string) => host.run("key", "heal", "web01/v1", "web01.raw", "--value-file", file);
  assert.equal((await heal("wrong")).status, 77);
  const healing = ["key", "heal", "web01/v1", "web01.raw", "--value-file", "pw"];
  const { command, warnings, ...members } = await json(host, ...healing);
  assert.deepEqual([command, warnings, Object.keys(members)], ["key heal", [], documented("key heal")]);
  assert.equal((await heal("pw")).status, 64);
  await done(host, "key", "reveal", "web01/v1", "--reason", "a test", "--to", "revealed");
  assert.equal(readFileSync(host.path("revealed"), "utf8"), passphrase);
});

test("the key store is sealed, opened, and gets other ways to open", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  writeFileSync(host.path("pw"), `${passphrase}\n`, { mode: 0o600 });
  await done(host, "key", "add", "web01", "--value-file", "pw");

  assert.match(await done(host, "keystore", "show"), /\nstate +open\n(.|\n)*not isolated(.|\n)*key file, added/);
  await done(host, "keystore", "seal");
  assert.match(await done(host, "keystore", "show"), /\nstate +sealed/);
  const sealed = await host.run("key", "reveal", "web01", "--reason", "a test", "--to", "value");
  assert.deepEqual([sealed.status, /KEY_STORE_SEALED/.test(sealed.stderr)], [75, true]);
  await done(host, "keystore", "unseal"); // no passphrase opens it, so none is asked for: the host's own key file is taken

  writeFileSync(host.path("safe"), "what is in the safe\n", { mode: 0o600 });
  await done(host, "keystore", "unlock", "add", "--new-passphrase-file", "safe", "--label", "the safe");
  await done(host, "keystore", "seal");
  const wrong = await host.run("keystore", "unseal", "--passphrase-file", "pw");
  assert.deepEqual([wrong.status, /KEY_STORE_REJECTED/.test(wrong.stderr)], [77, true]);
  await done(host, "keystore", "unseal", "--passphrase-file", "safe");

  assert.equal(
    await done(host, "keystore", "rekey"),
    "2 values wrapped anew, by a new wrapping key under a new root key.\n",
  );
  const { unlockWays } = await json(host, "keystore", "show");
  assert.ok(Array.isArray(unlockWays));
  const ways = unlockWays as { id: string; kind: string }[];
  const hostWay = ways.find(({ kind }) => kind === "key-file")?.id ?? "";
  await done(host, "keystore", "unlock", "remove", hostWay);
  await done(host, "keystore", "seal");
  assert.equal((await host.run("keystore", "unseal", "--key-file", "state/key-store.key")).status, 77);
  await done(host, "keystore", "unseal", "--passphrase-file", "safe");
  const last = await host.run("keystore", "unlock", "remove", "the safe");
  assert.deepEqual([last.status, /UNLOCK_LAST/.test(last.stderr)], [75, true]);
  await done(host, "key", "reveal", "web01", "--reason", "a test", "--to", "value");
  assert.equal(readFileSync(host.path("value"), "utf8"), passphrase);
});

test("every one of these commands prints the members that are documented for it, and no others", async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  writeFileSync(host.path("pw"), `${passphrase}\n`, { mode: 0o600 });
  const last: Record<string, Record<string, unknown>> = {};
  for (const [command, given] of [
    ["key add", ["web01", "--value-file", "pw"]],
    ["key list", []],
    ["key show", ["web01"]],
    ["key set", ["web01/v1", "--note", "x"]],
    ["key reveal", ["web01", "--reason", "a test", "--to", "value"]],
    ["key hold", ["web01", "--reason", "tape 17"]],
    ["key release", () => [String(last["key hold"]?.["hold"])]],
    ["key delete", ["web01"]],
    ["key recover", ["web01"]],
    ["key delete", ["web01"]],
    ["key purge", ["web01"]],
    ["keystore show", []],
    ["keystore unlock add", ["--new-key-file", "stick"]],
    ["keystore unlock remove", ["key file stick"]],
    ["keystore rekey", []],
    ["keystore seal", []],
    ["keystore unseal", ["--key-file", "state/key-store.key"]],
  ] as const) {
    const words = typeof given === "function" ? given() : given;
    const { command: named, warnings, ...members } = await json(host, ...command.split(" "), ...words);
    last[command] = members;
    assert.deepEqual([named, warnings], [command, []], JSON.stringify(members));
    assert.deepEqual(Object.keys(members), documented(command), command);
  }
});
