import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { removePlace } from "#keys/copies/places.ts";
import { deleteVersions, recoverVersions } from "#keys/custody/delete-versions.ts";
import { destroyVersions } from "#keys/custody/destroy-versions.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { addHold, releaseHold } from "#keys/needs/holds.ts";
import { inTransaction } from "#keys/store/database.ts";
import { signedBytes } from "#keys/store/key-ring.ts";
import { itself } from "#keys/store/model.ts";
import { findVersion, versionName, versionValue } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { CopyBench } from "#testing/keys/copy-bench.ts";
import { addTestVersion, testKeyStore } from "#testing/keys/key-store.ts";

function hold(store: KeyStore, name: string): string {
  const { id: version } = findVersion(store, name);
  return inTransaction(
    store.db,
    () => addHold(store, { version, why: "tape 17", heldBy: "Anna", expectedUntilMs: null }).id,
  );
}

function names(versions: readonly Version[]): readonly string[] {
  return versions.map(versionName);
}

/** What the audit log says was done to versions. */
function acts({ db }: KeyStore): readonly string[] {
  return db
    .prepare("SELECT act, subject, outcome FROM audit WHERE act LIKE 'key.%' ORDER BY seq")
    .all()
    .map(({ act, subject, outcome }) => `${String(act)} ${String(subject)} ${String(outcome)}`);
}

test("a deleted version has its value still, and can be taken back", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  assert.deepEqual(names(deleteVersions(store, itself, "web01/v1")), ["web01/v1"]);
  assert.notEqual(findVersion(store, "web01/v1").deletedMs, null);
  assert.deepEqual(deleteVersions(store, itself, "web01/v1"), []);
  assert.deepEqual(names(recoverVersions(store, itself, "web01/v1")), ["web01/v1"]);
  assert.deepEqual(recoverVersions(store, itself, "web01/v1"), []);
  const version = findVersion(store, "web01/v1");
  assert.equal(version.deletedMs, null);
  assert.equal(versionValue(store, version).bytes.length, 3);
});

test("a key is deleted with all its versions, or not at all", async () => {
  using store = await testKeyStore();
  for (const text of ["one", "two", "three"]) addTestVersion(store, "web01", text);
  const held = hold(store, "web01/v2");
  assert.throws(() => deleteVersions(store, itself, "web01"), {
    code: "VERSION_NEEDED",
    message: "deleting web01/v2: refused: Anna holds it: tape 17",
  });
  assert.equal(findVersion(store, "web01/v1").deletedMs, null);
  inTransaction(store.db, () => releaseHold(store, held));
  assert.deepEqual(names(deleteVersions(store, itself, "web01")), ["web01/v1", "web01/v2", "web01/v3"]);
  assert.deepEqual(names(recoverVersions(store, itself, "web01")), ["web01/v1", "web01/v2", "web01/v3"]);
});

test("a value is destroyed once its version is deleted, and then for good", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  assert.throws(() => destroyVersions(store, itself, ["web01/v1"]), { code: "VERSION_NOT_DELETED" });
  deleteVersions(store, itself, "web01/v1");
  const [destroyed] = destroyVersions(store, itself, ["web01/v1"]).versions;
  assert.notEqual(destroyed?.version.destroyedMs, null);
  assert.equal(store.db.prepare("SELECT count(*) AS n FROM versions WHERE value IS NOT NULL").get()?.["n"], 0);
  const version = findVersion(store, "web01/v1");
  assert.throws(() => versionValue(store, version), { code: "VERSION_UNUSABLE" });
  assert.throws(() => recoverVersions(store, itself, "web01/v1"), { code: "VERSION_UNUSABLE" });
  assert.deepEqual(deleteVersions(store, itself, "web01/v1"), []);
  assert.deepEqual(destroyVersions(store, itself, ["web01/v1"]).versions[0]?.certificate, destroyed?.certificate);
  assert.equal(addTestVersion(store, "web01", "two").number, 2); // a number is used once
  assert.deepEqual(acts(store).slice(0, 4), [
    "key.purge web01/v1 refused",
    "key.delete web01/v1 done",
    "key.purge web01/v1 done",
    "key.recover web01/v1 refused",
  ]);
});

test("one version that is needed keeps all that were named with it from being destroyed", async () => {
  using store = await testKeyStore();
  for (const text of ["one", "two"]) addTestVersion(store, "web01", text);
  deleteVersions(store, itself, "web01");
  hold(store, "web01/v2");
  assert.throws(() => destroyVersions(store, itself, ["web01/v1", "web01/v2"]), { code: "VERSION_NEEDED" });
  assert.equal(store.db.prepare("SELECT count(*) AS n FROM versions WHERE value IS NOT NULL").get()?.["n"], 2);
  assert.equal(store.db.prepare("SELECT count(*) AS n FROM certificates").get()?.["n"], 0);
});

test("a certificate is signed, and says what was destroyed, when and by whom", async () => {
  using store = await testKeyStore();
  const version = addTestVersion(store, "web01", "one");
  deleteVersions(store, itself, "web01");
  const [destroyed] = destroyVersions(store, itself, ["web01/v1"]).versions;
  assert.ok(destroyed);
  const { signed, signature } = destroyed.certificate;
  const { signingPublic } = store.facts();
  assert.equal(isSignedBy(signingPublic, signedBytes("certificate", utf8(signed)), signature), true);
  assert.deepEqual(JSON.parse(signed), {
    format: 1,
    store: store.facts().id,
    epoch: 1,
    version: "web01/v1",
    versionId: version.id,
    kind: "passphrase",
    createdAt: "2026-01-01T00:00:00Z",
    destroyedAt: "2026-01-01T00:00:00Z",
    destroyedBy: "key side",
    copies: [], // no place is configured
  });
});

test("a certificate lists the places whose copies still hold the value, with the day on which that ends where it is known", async () => {
  using bench = await CopyBench.make("a", "b");
  const { store } = bench;
  bench.add("web01");
  await bench.copy();
  inTransaction(store.db, () => removePlace(store, "b")); // what lies there is no longer ours to delete
  bench.pass(1);
  deleteVersions(store, itself, "web01");
  const [destroyed] = destroyVersions(store, itself, ["web01/v1"]).versions;
  const { copies } = JSON.parse(destroyed?.certificate.signed ?? "{}") as { copies?: unknown };
  assert.deepEqual(copies, [
    { place: "a", copies: 1, goneAt: "2026-04-01T00:00:00Z" },
    { place: "b", copies: 1, goneAt: null },
  ]);
});

test("in a frozen store nothing is deleted or destroyed, and in a sealed one nothing destroyed", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  addTestVersion(store, "dc01", "two");
  deleteVersions(store, itself, "web01");
  store.db.exec("UPDATE store SET frozen = 'it was recovered'");
  assert.throws(() => deleteVersions(store, itself, "dc01"), { code: "KEY_STORE_FROZEN" });
  assert.throws(() => destroyVersions(store, itself, ["web01/v1"]), { code: "KEY_STORE_FROZEN" });
  store.db.exec("UPDATE store SET frozen = NULL");
  store.seal();
  assert.throws(() => destroyVersions(store, itself, ["web01/v1"]), { code: "KEY_STORE_SEALED" });
});
