import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { KeyHost } from "./key-host.ts";

const bin = join(import.meta.dirname, "../../bin/lockstep");
const noScript = spawnSync("script", ["--version"]).status === 0 ? false : "needs script(1), for a terminal";

/**
 * Runs a command line of Lockstep at a terminal of its own.
 *
 * @param answers  what is typed: each once the terminal shows what comes before it, as often as there are
 */
async function atTerminal(
  host: KeyHost,
  line: string,
  answers: readonly (readonly [prompt: string, typed: string])[] = [],
): Promise<{ readonly status: number | null; readonly shown: string }> {
  const terminal = spawn("script", ["--quiet", "--return", "--command", `${bin} ${line}`, "/dev/null"], {
    cwd: host.folder,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: host.folder,
      TERM: "dumb",
      LOCKSTEP_CONFIG: host.path("config.toml"),
      LOCKSTEP_STATE_DIR: host.path("state"),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const left = [...answers];
  let shown = "";
  let seen = 0;
  terminal.stdout.setEncoding("utf8").on("data", (piece: string) => {
    shown += piece;
    const [next] = left;
    const at = next === undefined ? -1 : shown.indexOf(next[0], seen);
    if (next === undefined || at < 0) return;
    left.shift();
    seen = at + next[0].length;
    terminal.stdin.write(`${next[1]}\r`);
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  terminal.once("close", resolve);
  return { status: await promise, shown };
}

test("a terminal shows a value that is revealed, and nothing of one that is typed", { skip: noScript }, async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  const added = await atTerminal(host, "key add web01", [
    ["The passphrase of web01", "correct horse"],
    ["The same again", "correct horse"],
  ]);
  assert.equal(added.status, 0, added.shown);
  assert.match(added.shown, /web01\/v1: a passphrase was stored/);
  assert.doesNotMatch(added.shown, /horse/);
  const revealed = await atTerminal(host, "key reveal web01 --reason 'a test'");
  assert.deepEqual([revealed.status, revealed.shown.trim()], [0, "correct horse"]);
});

test("a passphrase that is typed opens the key store", { skip: noScript }, async (t) => {
  const host = new KeyHost(t, { idleMinutes: 5 });
  await host.makeKeyStore();
  writeFileSync(host.path("safe"), "what is in the safe\n", { mode: 0o600 });
  assert.equal((await host.run("keystore", "unlock", "add", "--new-passphrase-file", "safe")).status, 0);
  assert.equal((await host.run("keystore", "seal")).status, 0);
  const prompt = "The passphrase of the key store";
  const wrong = await atTerminal(host, "keystore unseal", [[prompt, "something else"]]);
  assert.deepEqual([wrong.status, /KEY_STORE_REJECTED/.test(wrong.shown)], [77, true], wrong.shown);
  const right = await atTerminal(host, "keystore unseal", [[prompt, "what is in the safe"]]);
  assert.deepEqual([right.status, /The key store is open/.test(right.shown)], [0, true], right.shown);
});
