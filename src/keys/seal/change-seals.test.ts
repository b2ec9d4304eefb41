import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { KeyStore } from "#keys/key-store.ts";
import { addSeal, removeSeal } from "#keys/seal/change-seals.ts";
import { eraseFreed } from "#keys/store/database.ts";
import { itself } from "#keys/store/model.ts";
import { findVersion, versionValue } from "#keys/versions/versions.ts";
import { addTestVersion, fileSecret, keyStoreDeps, testKeyStore } from "#testing/keys/key-store.ts";

const { signal } = new AbortController();

async function opens(store: KeyStore, fill: number): Promise<boolean> {
  store.seal();
  try {
    await store.unseal(fileSecret(fill), signal);
    return true;
  } catch {
    return false;
  }
}

test("a way that was added opens the store, and so do the others", async () => {
  using store = await testKeyStore();
  const seal = await addSeal(store, itself, { label: "stick", secret: fileSecret(8) }, signal);
  assert.deepEqual([seal.kind, seal.label], ["key-file", "stick"]);
  assert.deepEqual(
    store
      .seals()
      .map(({ label }) => label)
      .toSorted(),
    ["file", "stick"],
  );
  assert.equal(await opens(store, 8), true);
  assert.equal(await opens(store, 7), true);
  assert.equal(await opens(store, 9), false);
});

test("a name or secret that is there already is refused, and leaves all as it was", async () => {
  using store = await testKeyStore();
  const root = store.facts().rootNumber;
  await assert.rejects(addSeal(store, itself, { label: "file", secret: fileSecret(8) }, signal), {
    code: "NAME_TAKEN",
    message: /of this name/,
  });
  await assert.rejects(addSeal(store, itself, { label: "twin", secret: fileSecret(7) }, signal), {
    code: "NAME_TAKEN",
    message: /that of file/,
  });
  assert.equal(store.facts().rootNumber, root);
  assert.equal(await opens(store, 7), true);
});

test("a sealed store takes no way, and loses none", async () => {
  using store = await testKeyStore();
  await addSeal(store, itself, { label: "stick", secret: fileSecret(8) }, signal);
  store.seal();
  await assert.rejects(addSeal(store, itself, { label: "more", secret: fileSecret(9) }, signal), {
    code: "KEY_STORE_SEALED",
  });
  await assert.rejects(removeSeal(store, itself, "stick"), { code: "KEY_STORE_SEALED" });
});

test("a way that was removed opens nothing of what the database becomes; a copy from before stays open to it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-seals-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "store.db");
  const deps = keyStoreDeps();
  {
    using store = await testKeyStore(path, deps);
    addTestVersion(store, "web01", "a value");
    await addSeal(store, itself, { label: "stick", secret: fileSecret(8) }, signal);
    eraseFreed(store.db); // so that the file alone is the whole database
    copyFileSync(path, join(folder, "before.db"));
    const { seal, rewrapped } = await removeSeal(store, itself, "stick");
    assert.equal(seal.label, "stick");
    assert.deepEqual(rewrapped, { values: 2, damaged: [], notErased: null });
    assert.equal(await opens(store, 8), false);
    assert.equal(await opens(store, 7), true);
  }
  using before = KeyStore.open(join(folder, "before.db"), deps);
  await before.unseal(fileSecret(8), signal);
  assert.deepEqual(versionValue(before, findVersion(before, "web01")).bytes.length, 7);
});

test("the last way stays, and one that is not there is no way", async () => {
  using store = await testKeyStore();
  await assert.rejects(removeSeal(store, itself, "stick"), { code: "NAME_UNKNOWN" });
  await assert.rejects(removeSeal(store, itself, "file"), { code: "UNLOCK_LAST" });
  assert.equal(await opens(store, 7), true);
});

test("a passphrase can be added, and the first way be removed by its id", async () => {
  using store = await testKeyStore();
  const [first] = store.seals();
  const passphrase = { kind: "passphrase", secret: new Secret(utf8("open, please")) } as const;
  await addSeal(store, itself, { label: "Anna", secret: passphrase }, signal);
  await removeSeal(store, itself, first?.id ?? "");
  assert.equal(await opens(store, 7), false);
  await store.unseal(passphrase, signal);
});
