import assert from "node:assert/strict";
import { test } from "node:test";

import { logVerdicts } from "#ops/check/log-verdicts.ts";
import { knowKeyStore } from "#ops/keys/known-key-store.ts";
import { provePoint } from "#ops/keys/prove-point.ts";
import { statedAndNotHeld } from "#ops/keys/stated-versions.ts";
import type { StatedVersion } from "#ops/keys/stated-versions.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

/** A machine with a point that `web01/v1` opened, and whose points were never reported: there is no receipt. */
async function provedBench(seed: string): Promise<InStepBench> {
  const bench = await InStepBench.make(seed);
  const { deps, log, signal } = bench;
  await bench.bindKey();
  await knowKeyStore(deps, signal);
  const point = await bench.backUp();
  const state = log.fold.points.get(point);
  assert.ok(state !== undefined);
  const proved = await provePoint(deps, state, () => false, signal);
  await logVerdicts(
    log,
    proved.flatMap(({ verdict }) => verdict ?? []),
    signal,
  );
  assert.equal(log.fold.receipts.size, 0);
  return bench;
}

async function missing(
  bench: InStepBench,
  held: readonly string[],
  { sinceEpoch = 1, keySide = bench.keySide }: { sinceEpoch?: number; keySide?: TestKeySide } = {},
): Promise<readonly StatedVersion[]> {
  const { id: store, signingKey } = await keySide.as("backup", "store.show", {});
  const source = { store: bench.vault.store, keys: bench.vault.keyring.keys, machine: bench.log.machine };
  const since = { held: new Set(held), sinceEpoch };
  return statedAndNotHeld({ log: bench.log, source }, { store, signingKey }, since, bench.signal);
}

test("a version that a point's statement names and copies lack is found, also where no receipt was ever kept", async () => {
  using bench = await provedBench("stated and not held");
  const machineName = bench.log.fold.machine.name;
  assert.deepEqual(await missing(bench, ["web01/v2"]), [{ version: "web01/v1", epoch: 1, machineName }]);
  assert.deepEqual(await missing(bench, ["web01/v1"]), []);
});

test("what another key store stated, or this one before the copy's epoch, shows nothing", async () => {
  using bench = await provedBench("stated by others");
  using other = await testKeySide();
  assert.deepEqual(await missing(bench, [], { sinceEpoch: 2 }), []);
  assert.deepEqual(await missing(bench, [], { keySide: other }), []);
});

test("a verdict whose statement the key store did not sign shows nothing", async () => {
  using bench = await provedBench("stated by nobody");
  const [[point, { shown }] = assert.fail()] = [...bench.log.fold.points];
  const { disk, volume, verdict, at, derivedAt, unproven } = shown[0] ?? assert.fail();
  const about = { vault: bench.vault.keyring.keys.vaultId, machine: bench.log.machine };
  const [{ signed, signature } = assert.fail()] = (await bench.keySide.as("backup", "proof.list", about)).statements;
  const made = { version: "made-up/v1", signed: signed.replace("web01/v1", "made-up/v1"), signature };
  const forged = { point, disk, volume, verdict, at, derivedAt, unproven, ...made };
  await bench.log.append(() => ({ type: "verdict", compatible: true, items: [forged] }), bench.signal);
  assert.deepEqual(await missing(bench, ["web01/v1"]), []);
});
