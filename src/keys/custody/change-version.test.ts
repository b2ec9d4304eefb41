import assert from "node:assert/strict";
import { test } from "node:test";

import { changeVersion } from "#keys/custody/change-version.ts";
import type { VersionChange } from "#keys/custody/change-version.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { addHold } from "#keys/needs/holds.ts";
import { inTransaction } from "#keys/store/database.ts";
import { itself } from "#keys/store/model.ts";
import type { Version } from "#keys/versions/versions.ts";
import { addTestVersion, keyStoreDeps, testKeyStore } from "#testing/keys/key-store.ts";

const nowMs = keyStoreDeps().now().epochMilliseconds;
const past = nowMs - 1000;
const future = nowMs + 1000;

function hold(store: KeyStore, { id }: Version): void {
  inTransaction(store.db, () =>
    addHold(store, { version: id, why: "tape 17", heldBy: "Anna", expectedUntilMs: Date.UTC(2033, 11, 31) }),
  );
}

test("a version that nothing needs may be changed in every way, and back", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  const set = (change: VersionChange): Version => changeVersion(store, itself, "web01/v1", change);
  assert.equal(set({ enabled: false }).enabled, false);
  assert.equal(set({ note: "x" }).enabled, false); // what is left out stays
  const dated = set({ enabled: true, activatesMs: past, expiresMs: future });
  assert.deepEqual([dated.enabled, dated.activatesMs, dated.expiresMs, dated.note], [true, past, future, "x"]);
  assert.equal(set({ expiresMs: null }).expiresMs, null);
});

test("a needed version stays usable, with what needs it and until when; what does no harm goes through", async () => {
  using store = await testKeyStore();
  const version = addTestVersion(store, "web01", "one");
  hold(store, version);
  for (const change of [{ enabled: false }, { activatesMs: future }, { expiresMs: past }]) {
    assert.throws(() => changeVersion(store, itself, "web01/v1", change), {
      code: "VERSION_NEEDED",
      message: /web01\/v1: refused: Anna holds it, expected until 2033-12-31: tape 17$/,
    });
  }
  assert.equal(changeVersion(store, itself, "web01/v1", { expiresMs: future, note: "y" }).note, "y");
});

test("in a frozen store nothing is taken away either", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  store.db.exec("UPDATE store SET frozen = 'it was recovered'");
  assert.throws(() => changeVersion(store, itself, "web01/v1", { enabled: false }), {
    code: "KEY_STORE_FROZEN",
    message: /it was recovered/,
  });
});

test("a version does not expire before it becomes active, and a destroyed one does not change", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  assert.throws(() => changeVersion(store, itself, "web01/v1", { activatesMs: future + 5, expiresMs: future }), {
    code: "ARGUMENT_INVALID",
  });
  store.db.exec("UPDATE versions SET destroyed_ms = 1, value = NULL, wrapping = NULL");
  assert.throws(() => changeVersion(store, itself, "web01/v1", { note: "x" }), { code: "VERSION_UNUSABLE" });
});
