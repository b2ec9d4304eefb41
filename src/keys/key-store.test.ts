import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { KeyStore } from "#keys/key-store.ts";
import { openDatabase } from "#keys/store/database.ts";
import { findVersion, versionValue } from "#keys/versions/versions.ts";
import { addTestVersion, fileSecret, keyStoreDeps, testKeyStore } from "#testing/keys/key-store.ts";

const { signal } = new AbortController();
const deps = keyStoreDeps();

function newPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-keys-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "store.db");
}

function valueOf(store: KeyStore, name: string): string {
  using value = versionValue(store, findVersion(store, name));
  return new TextDecoder().decode(value.bytes);
}

test("a new store is open, and opens again after a restart with what it was made with", async (t) => {
  const path = newPath(t);
  let id;
  {
    using store = await testKeyStore(path, deps);
    assert.equal(store.isSealed, false);
    ({ id } = store.facts());
    addTestVersion(store, "web01", "a value");
  }
  using store = KeyStore.open(path, deps);
  assert.equal(store.facts().id, id);
  assert.equal(store.isSealed, true);
  assert.throws(() => valueOf(store, "web01/v1"), { code: "KEY_STORE_SEALED" });
  assert.equal(findVersion(store, "web01/v1").kind, "passphrase"); // all but values can be read
  await store.unseal(fileSecret(), signal);
  assert.equal(valueOf(store, "web01/v1"), "a value");
});

test("a passphrase opens it too, and each way by itself", async () => {
  const passphrase = { kind: "passphrase", secret: new Secret(utf8("open, please")) } as const;
  const seals = [
    { label: "Anna", secret: passphrase },
    { label: "stick", secret: fileSecret() },
  ];
  using store = await KeyStore.create(":memory:", seals, deps, signal);
  for (const secret of [passphrase, fileSecret()]) {
    store.seal();
    assert.equal(store.isSealed, true);
    await store.unseal(secret, signal);
    assert.equal(store.isSealed, false);
  }
});

test("a wrong secret opens nothing, and closes nothing", async () => {
  using store = await testKeyStore();
  await assert.rejects(store.unseal(fileSecret(8), signal), { code: "KEY_STORE_REJECTED" });
  assert.equal(store.isSealed, false);
  store.seal();
  await assert.rejects(store.unseal(fileSecret(8), signal), { code: "KEY_STORE_REJECTED" });
  const wrongKind = { kind: "host-credential", secret: fileSecret().secret } as const;
  await assert.rejects(store.unseal(wrongKind, signal), { code: "KEY_STORE_REJECTED" });
  assert.equal(store.isSealed, true);
});

test("a store that nothing opens is not made, and none in the place of another", async (t) => {
  const path = newPath(t);
  await assert.rejects(KeyStore.create(path, [], deps, signal), { code: "ARGUMENT_INVALID" });
  assert.throws(() => KeyStore.open(path, deps), { code: "KEY_STORE_MISSING" });
  (await testKeyStore(path))[Symbol.dispose]();
  await assert.rejects(testKeyStore(path), { code: "KEY_STORE_EXISTS" });
  KeyStore.open(path, deps)[Symbol.dispose]();
});

test("a database without a store in it is no store, and one may be made in it", async (t) => {
  const path = newPath(t);
  openDatabase(path, { create: true }).close(); // what a crash leaves
  assert.throws(() => KeyStore.open(path, deps), { code: "KEY_STORE_CORRUPT", message: /holds no store/ });
  (await testKeyStore(path))[Symbol.dispose]();
});

test("a value that somebody changed, or moved to another version, is refused", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "first");
  addTestVersion(store, "web01", "second");
  addTestVersion(store, "dc01", "third");
  const [web01, dc01] = ["web01", "dc01"].map((name) => `(SELECT id FROM keys WHERE name = '${name}')`);
  for (const [change, name] of [
    ["UPDATE versions SET value = (SELECT value FROM versions WHERE number = 2) WHERE number = 1", "web01/v1"],
    ["UPDATE versions SET number = 7 WHERE number = 2", "web01/v7"],
    [`UPDATE versions SET number = 3, key = ${web01} WHERE key = ${dc01}`, "web01/v3"],
    ["UPDATE versions SET kind = 'key-file'", "web01/v1"],
    ["UPDATE versions SET id = '0' || substr(id, 2) || 'x'", "web01/v1"],
    ["UPDATE versions SET value = x'00'", "web01/v1"],
  ] as const) {
    store.db.exec("SAVEPOINT tampered");
    store.db.exec(change);
    assert.throws(() => valueOf(store, name), { code: "KEY_STORE_CORRUPT" }, change);
    store.db.exec("ROLLBACK TO tampered; RELEASE tampered");
  }
  assert.equal(valueOf(store, "web01/v1"), "first");
});

test("wrapping keys and seals that somebody changed keep it from being opened", async () => {
  using store = await testKeyStore();
  store.seal();
  for (const [change, code] of [
    ["UPDATE wrapping_keys SET wrapped = zeroblob(60)", "KEY_STORE_CORRUPT"],
    ["UPDATE own_secrets SET value = zeroblob(60)", "KEY_STORE_CORRUPT"],
    ["UPDATE own_secrets SET name = 'another'", "KEY_STORE_CORRUPT"],
    ["UPDATE seals SET sealed_root = zeroblob(80)", "KEY_STORE_REJECTED"],
    ["UPDATE seals SET public_key = zeroblob(32)", "KEY_STORE_REJECTED"],
    ["UPDATE store SET root_number = 2", "KEY_STORE_REJECTED"],
  ] as const) {
    store.db.exec("SAVEPOINT tampered");
    store.db.exec(change);
    await assert.rejects(store.unseal(fileSecret(), signal), { code }, change);
    assert.equal(store.isSealed, true, change);
    store.db.exec("ROLLBACK TO tampered; RELEASE tampered");
  }
  await store.unseal(fileSecret(), signal);
});
