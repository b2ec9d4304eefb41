import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { WholeVault } from "#testing/vaults/whole-vault.ts";
import { writeKeyFile } from "#vault/keyring/key-file.ts";

import { Trial } from "../cli/trial.ts";

const { signal } = new AbortController();

/** A vault of twenty days ago, of whose two points the older is deleted, and damaged in a part that it alone needs. */
async function makeVault(folder: string): Promise<void> {
  await createDirectoryRoot(folder, {}, signal);
  await using store = await openDirectoryStore(folder, {}, signal);
  const whole = await WholeVault.make("forgotten", 40, { store });
  whole.now = Temporal.Now.instant().subtract({ hours: 20 * 24 });
  const client = await whole.open();
  await client.log.append(() => ({ type: "clock", confirmedAt: whole.now.toString() }), signal);
  const { point } = await whole.backUp(client);
  whole.change(0, 40);
  await whole.backUp(client);
  const [key = ""] = await keysOf(store, (each) => each.includes(`/data/${point.session}`));
  await flip(store, key, BLOCK);
  await whole.check(client, { record: true });
  await deletePoint(client.log, point.point, "no longer needed", signal);
  await whole.pass(client, 19);
}

function kinds(trial: Trial, options: string): readonly string[] {
  const { machines } = trial.json(`lockstep status ${options}`) as { machines: { needs: { kind: string }[] }[] };
  return machines.flatMap(({ needs }) => needs.map(({ kind }) => kind));
}

test("damage of a point that was deleted and pruned is damage no more", async (t) => {
  const trial = new Trial(t);
  await makeVault(trial.path("vault"));
  writeFileSync(trial.path("config.toml"), "");
  writeFileSync(trial.path("key"), writeKeyFile(new Secret(new Uint8Array(32).fill(1)), ["the test's"]), {
    mode: 0o600,
  });
  const options = "--vault vault --key-file key";
  assert.ok(kinds(trial, options).includes("damaged"));
  trial.prepare(`lockstep prune ${options}`);
  assert.ok(!kinds(trial, options).includes("damaged"));
  trial.prepare(`lockstep check ${options} --read-data`);
});
