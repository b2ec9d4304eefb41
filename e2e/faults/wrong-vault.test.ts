import assert from "node:assert/strict";
import { test } from "node:test";

import { checkVault } from "#ops/check/check-vault.ts";
import { addUnlockWay, removeUnlockWay } from "#ops/unlock/unlock-ways.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { copiedStore } from "#testing/stores/copied-store.ts";
import { alter, keysOf } from "#testing/vaults/damage.ts";
import { fileKeyOf, passphraseOf } from "#testing/vaults/keyring-deps.ts";
import { WholeVault } from "#testing/vaults/whole-vault.ts";
import type { Client } from "#testing/vaults/whole-vault.ts";

const { signal } = new AbortController();

function newVault(seed: string): Promise<WholeVault> {
  return WholeVault.make(seed, 20, { store: memoryStore({ singleDisk: false }) });
}

async function addPassphrase(whole: WholeVault, { opened, log }: Client): Promise<void> {
  const way = { label: "Anna", secret: passphraseOf("correct horse") };
  await addUnlockWay({ store: whole.store, opened, deps: whole.keyringDeps() }, [log], way, signal);
}

function headOf({ log }: Client): { readonly seq: number; readonly hash: string } {
  return { seq: log.fold.seq, hash: log.fold.hash };
}

test("what cannot be opened says why, each in its own way", async () => {
  const whole = await newVault("refused");
  await addPassphrase(whole, await whole.open());
  const { store } = whole;
  await assert.rejects(whole.open(store, null, passphraseOf("wrong horse")), { code: "PASSPHRASE_REJECTED" });
  await assert.rejects(whole.open(store, null, fileKeyOf(9)), { code: "KEY_FILE_REJECTED" });
  await assert.rejects(whole.open(memoryStore()), { code: "VAULT_MISSING" });
  const withVaultFile = async (change: (text: string) => string): Promise<Store> => {
    const copy = await copiedStore(store);
    await alter(copy, "vault.json", (bytes) => Buffer.from(change(Buffer.from(bytes).toString())));
    return copy;
  };
  const newer = await withVaultFile((text) => text.replace('"version": 1', '"version": 2'));
  await assert.rejects(whole.open(newer), { code: "VAULT_NEWER" });
  const feature = await withVaultFile((text) => text.replace('"incompatible": []', '"incompatible": ["tape"]'));
  await assert.rejects(whole.open(feature), { code: "VAULT_NEWER", message: /tape/ });
  const other = await withVaultFile((text) => text.replace("lockstep vault", "shopping list"));
  await assert.rejects(whole.open(other), { code: "VAULT_MISSING" });
  assert.equal((await whole.open(store, null, passphraseOf("correct horse"))).log.fold.machine.name, "web01");
});

test("a keyring whose newest generations were deleted, or forged, opens for reading, and nothing is written", async () => {
  for (const harm of ["deleted", "forged"] as const) {
    const whole = await newVault(`keyring ${harm}`);
    await whole.backUp(await whole.open());
    await addPassphrase(whole, await whole.open());
    const newest = (await keysOf(whole.store, (key) => key.startsWith("keyring/"))).at(-1) ?? "";
    if (harm === "deleted") await whole.store.delete(newest, signal);
    else
      await alter(whole.store, newest, (bytes) => Buffer.from(Buffer.from(bytes).toString().replace("Anna", "Eve.")));
    const client = await whole.open();
    assert.match(client.log.warnings.join(), /the vault may only be read/);
    const checked = await checkVault(client.vault, client.opened, { repair: true, progress: () => undefined }, signal);
    assert.equal(checked.ok, false);
    const [point] = client.log.fold.points.values();
    assert.ok(point !== undefined);
    assert.deepEqual(Buffer.from(await whole.read(client, point)), Buffer.from(whole.content));
    const before = await keysOf(whole.store);
    await assert.rejects(whole.backUp(client), { code: "KEYRING_ROLLED_BACK" });
    await assert.rejects(whole.prune(client), { code: "KEYRING_ROLLED_BACK" });
    assert.deepEqual(await keysOf(whole.store), before);
  }
});

test("one who was removed and still can write puts the old keyring back: his data key is not used again", async () => {
  const whole = await newVault("old keyring");
  const made = await whole.open();
  const seen = headOf(made);
  await addPassphrase(whole, made);
  const kept = await copiedStore(whole.store);
  const client = await whole.open();
  const way = client.opened.keyring.ways.find(({ label }) => label === "Anna");
  assert.ok(way !== undefined);
  await removeUnlockWay(
    { store: whole.store, opened: client.opened, deps: whole.keyringDeps() },
    [client.log],
    way,
    signal,
  );
  await whole.backUp(await whole.open());
  const generations = (store: Store) => keysOf(store, (key) => key.startsWith("keyring/"));
  const before = await generations(kept);
  for (const key of await generations(whole.store)) if (!before.includes(key)) await whole.store.delete(key, signal);
  for (const secret of [passphraseOf("correct horse"), fileKeyOf(1)]) {
    await assert.rejects(whole.open(whole.store, seen, secret), {
      code: "KEYRING_ROLLED_BACK",
      message: /newer than all of keyring generation 2/,
    });
  }
});

test("a store that was rolled back as a whole is noticed by whoever saw more of it", async () => {
  const whole = await newVault("rolled back");
  await whole.backUp(await whole.open());
  const older = await copiedStore(whole.store);
  whole.change(0, 3);
  await whole.backUp(await whole.open());
  const expected = headOf(await whole.open());
  await assert.rejects(whole.open(older, expected), { code: "LOG_ROLLED_BACK" });
  assert.equal((await whole.open(whole.store, expected)).log.fold.seq, expected.seq);

  // One that went on from the older copy has as many entries, and others.
  const fork = await whole.copy(older);
  await fork.backUp(await fork.open());
  await fork.backUp(await fork.open());
  assert.ok((await fork.open()).log.fold.seq >= expected.seq);
  await assert.rejects(whole.open(older, expected), {
    code: "LOG_ROLLED_BACK",
    message: /is not the one that was expected/,
  });
  await whole.open(older, null);
});
