import assert from "node:assert/strict";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { KeyHost } from "./key-host.ts";

/** A host with a vault and a key store; nothing was backed up yet. */
async function initialised(t: TestContext): Promise<KeyHost> {
  const host = new KeyHost(t, { idleMinutes: 5 });
  writeFileSync(host.path("pw"), "secret of the vault\n", { mode: 0o600 });
  writeFileSync(host.path("a.raw"), new Uint8Array(1 << 20).fill(7));
  await must(host, "init vault --passphrase-file pw --no-kit-check");
  return host;
}

/** Takes a backup, so that the vault keeps a receipt. */
async function backUp(host: KeyHost): Promise<void> {
  await must(host, "protect web01 --disk a.raw --vault vault");
  await must(host, "backup web01 --vault vault");
}

async function must(host: KeyHost, line: string): Promise<void> {
  const { status, stdout, stderr } = await host.run(...line.split(" "));
  assert.equal(status, 0, `${line}: ${stdout}${stderr}`);
}

/** Stops the key side, where it runs. */
async function stop(host: KeyHost): Promise<void> {
  const running = host.keySide();
  if (running !== null) process.kill(running, "SIGTERM");
  await host.ended();
}

/** `audit check`, against the vault. @returns its exit status, and the entries at which it found the log wrong */
async function checked(host: KeyHost): Promise<{ status: number | null; receipts: number; faults: number[] }> {
  const { status, stdout } = await host.run("audit", "check", "--against", "vault", "--json");
  const found = JSON.parse(stdout) as { receipts: number; faults: { seq: number }[] };
  return { status, receipts: found.receipts, faults: found.faults.map(({ seq }) => seq) };
}

test("a key store that was rolled back is noticed by the receipts of the vault", async (t) => {
  const host = await initialised(t);
  await stop(host);
  copyFileSync(host.path("state/keys/keys.db"), host.path("older.db"));
  await backUp(host);
  assert.deepEqual(await checked(host), { status: 0, receipts: 1, faults: [] });
  await stop(host);
  copyFileSync(host.path("older.db"), host.path("state/keys/keys.db"));
  const { status, faults } = await checked(host);
  assert.deepEqual([status, faults.length], [65, 1]);
});

test("an entry that somebody removed from the database is noticed where it was", async (t) => {
  const host = await initialised(t);
  await backUp(host);
  await stop(host);
  const db = new DatabaseSync(host.path("state/keys/keys.db"), { enableForeignKeyConstraints: false });
  const trigger = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'audit_is_append_only_2'").get();
  db.exec("DROP TRIGGER audit_is_append_only_2; DELETE FROM audit WHERE seq = 1");
  db.exec(String(trigger?.["sql"])); // a store whose tables are not as they should be is not opened at all
  db.close();
  const { status, faults } = await checked(host);
  assert.deepEqual([status, faults], [65, [2]]);
});

test("a key store that was put back and went on is frozen by the next report, until a custodian has looked", async (t) => {
  const host = await initialised(t);
  await stop(host);
  copyFileSync(host.path("state/keys/keys.db"), host.path("older.db"));
  await backUp(host);
  await must(host, "key add web01 --generate");
  await stop(host);
  rmSync(host.path("state/keys/keys.db-wal"), { force: true });
  copyFileSync(host.path("older.db"), host.path("state/keys/keys.db"));
  for (let days = 1; days <= 6; days++) await must(host, `policy set proofIntervalDays=${days}`);
  await must(host, "key add db01 --generate");
  const { stdout, stderr } = await host.run("backup", "web01", "--vault", "vault");
  assert.match(stdout + stderr, /releases and destroys nothing: it was put back to an older state/);
  const frozen = async (): Promise<string | null> => {
    const shown = await host.run("keystore", "show", "--json");
    return (JSON.parse(shown.stdout) as { keyStore: { frozen: string | null } }).keyStore.frozen;
  };
  assert.match((await frozen()) ?? "", /machine web01, has a receipt of its audit entry \d+/);
  const refused = await host.run("key", "delete", "db01");
  assert.match(refused.stderr, /KEY_STORE_FROZEN/);
  assert.match(
    (await host.run("status", "--vault", "vault")).stdout,
    /the key store is frozen: it was put back to an older state/,
  );
  assert.match((await host.run("audit", "accept", "--reason", "an old disk")).stdout, /goes on as epoch 2/);
  assert.match((await frozen()) ?? "", /not every vault has reported/);
  const { status } = await host.run("backup", "web01", "--vault", "vault");
  assert.deepEqual([status, await frozen()], [0, null]);
  await must(host, "key delete db01");
});
