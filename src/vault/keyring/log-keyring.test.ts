import assert from "node:assert/strict";
import { test } from "node:test";

import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { fileKeyOf, keyringDeps } from "#testing/vaults/keyring-deps.ts";
import { LogBench } from "#testing/vaults/log-bench.ts";
import { createVault, removeWay } from "#vault/keyring/keyring-change.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { listWays } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import { openLog } from "#vault/log/log.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";

const { signal } = new AbortController();
const way = { label: "host", secret: fileKeyOf(1) };
const otherWay = { label: "other", secret: fileKeyOf(2) };
const deps = keyringDeps("follow");

async function begin(): Promise<{
  store: Store;
  open: (through?: Store) => Promise<{ log: Log; keyring: LogKeyring }>;
}> {
  const store = memoryStore();
  const bench = new LogBench("follow");
  const opened = await createVault(store, { ways: [way, otherWay] }, deps, signal);
  const writer = bench.writer("host-a", { store, keyring: logKeyring(store, opened) });
  const { machine } = await createMachine(writer, bench.definition(), signal);
  const open = async (through = store) => {
    const keyring = logKeyring(through, await openKeyring(store, way.secret, deps, signal));
    return { keyring, log: await openLog({ ...writer, store: through, keyring, machine, expect: null }, signal) };
  };
  return { store, open };
}

/** Somebody removes the other way, which starts a new data key, and writes an entry. */
async function startNewKey(store: Store, open: () => Promise<{ log: Log }>): Promise<void> {
  const opened = await openKeyring(store, way.secret, deps, signal);
  const other = listWays(opened).find(({ label }) => label === otherWay.label) ?? assert.fail();
  await removeWay(store, opened, other.id, deps, signal);
  const { log } = await open();
  await log.append(() => ({ type: "machine", machine: log.fold.machine }), signal);
}

test("keys that somebody holds follow as soon as a log names a newer keyring", async () => {
  const { store, open } = await begin();
  const { log, keyring } = await open();
  const { keys } = keyring;
  const { vaultId, root } = keys;
  await startNewKey(store, open);
  assert.deepEqual([keys.currentEpoch, keys.epochs.size, keys.keyring.generation], [1, 1, 1]);
  await log.read(signal);
  assert.deepEqual([keys.currentEpoch, keys.epochs.size, keys.keyring.generation], [2, 2, 2]);
  assert.deepEqual([keys.vaultId, keys.root.bytes], [vaultId, root.bytes]);
});

test("at no moment does a fold name a keyring whose keys its readers do not have", async () => {
  const { store, open } = await begin();
  let look = (): void => undefined;
  let looks = 0;
  const { log, keyring } = await open(gatedStore(store, async () => look()));
  await startNewKey(store, open);
  look = () => {
    looks++;
    assert.ok(keyring.keys.keyring.generation >= log.fold.keyring.generation);
  };
  await log.read(signal);
  assert.equal(log.fold.keyring.generation, 2);
  assert.ok(looks > 2);
});
