import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { KeyHost, outcomeOf, serve } from "./key-host.ts";

/** Two users who share nothing: that of the key side, and that of the backup side. */
const keyUser = 65_533;
const backupUser = 65_534;

/** What a process of a user reaches of a key store. */
function reach(user: number, database: string, pid: number): Readonly<Record<string, string>> {
  const program = [join(import.meta.dirname, "reach.ts"), database, String(pid)];
  const options = { uid: user, gid: user, encoding: "utf8", cwd: "/", env: {} } as const;
  return JSON.parse(execFileSync(process.execPath, ["--no-warnings", ...program], options)) as Record<string, string>;
}

function giveAway(folder: string, user: number): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    chownSync(join(folder, name), user, user);
  chownSync(folder, user, user);
}

test("from the backup side's user and its processes, the key store is out of reach", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("only root can start processes of two users");
  const host = new KeyHost(t, { idleMinutes: 5, owner: keyUser });
  await host.makeKeyStore();
  giveAway(host.folder, keyUser);
  chmodSync(host.folder, 0o755); // as /var/lib is; what follows is closed to others by itself
  const child = await serve(host);
  const database = host.path("state/keys/keys.db");
  const pid = host.keySide() ?? assert.fail();

  for (const [way, outcome] of Object.entries(reach(backupUser, database, pid))) {
    assert.match(outcome, /^(EACCES|unable to open database|refused)/, way);
  }

  // The memory of the process is out of reach of its own user, too; the files are his, once the process is gone.
  const own = reach(keyUser, database, pid);
  for (const way of ["memory", "environment", "open files"]) assert.equal(own[way], "EACCES", way);
  child.kill("SIGTERM");
  assert.equal((await outcomeOf(child)).status, 0);
  assert.ok(existsSync(database));
  const files = reach(keyUser, database, pid);
  for (const way of ["file", "folder", "node:sqlite", "ATTACH", "worker", "child process"]) {
    assert.equal(files[way], "reached", way);
  }
});
