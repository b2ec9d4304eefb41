import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8 } from "#bytes/text.ts";
import type { VersionId } from "#keys/store/model.ts";
import { currentOf, loadKeys } from "#keys/versions/key-list.ts";
import {
  findVersion,
  loadVersion,
  versionName,
  versionValue,
  versionsNamed,
  whyUnusable,
} from "#keys/versions/versions.ts";
import { addTestVersion, testKeyStore } from "#testing/keys/key-store.ts";

const now = Temporal.Instant.from("2026-06-15T00:00Z");

test("versions of a key are numbered from 1, and each keeps its value", async () => {
  using store = await testKeyStore();
  for (const text of ["one", "two", "three"]) addTestVersion(store, "web01", text);
  addTestVersion(store, "dc01", "other");
  assert.deepEqual(versionsNamed(store, "web01").map(versionName), ["web01/v1", "web01/v2", "web01/v3"]);
  assert.deepEqual(
    versionsNamed(store, "web01").map((version) => fromUtf8(versionValue(store, version).bytes)),
    ["one", "two", "three"],
  );
  assert.equal(versionName(findVersion(store, "dc01/v1")), "dc01/v1");
});

test("a version is found by its name, or by its key's where one is in use", async () => {
  using store = await testKeyStore();
  const first = addTestVersion(store, "web01", "one");
  assert.equal(findVersion(store, "web01").id, first.id);
  const second = addTestVersion(store, "web01", "two");
  assert.throws(() => findVersion(store, "web01"), { code: "NAME_AMBIGUOUS", hint: /web01\/v1, web01\/v2/ });
  store.db.prepare("UPDATE versions SET retired_ms = 1 WHERE id = ?").run(first.id);
  assert.equal(findVersion(store, "web01").id, second.id);
  assert.equal(findVersion(store, "web01/v1").id, first.id);
});

test("what is not there is unknown, by whatever name", async () => {
  using store = await testKeyStore();
  addTestVersion(store, "web01", "one");
  for (const name of ["web02", "web01/v2", "web01/v0", "web01/v01", "web01/", "/v1", "web01/v1/v1", ""]) {
    assert.throws(() => findVersion(store, name), { code: "NAME_UNKNOWN" }, name);
    assert.throws(() => versionsNamed(store, name), { code: "NAME_UNKNOWN" }, name);
  }
  assert.throws(() => findVersion(store, "web02"), { message: "the key store has no key web02" });
  assert.throws(() => findVersion(store, "web01/v2"), { message: "the key store has no version web01/v2" });
  assert.throws(() => loadVersion(store, "00".repeat(16) as VersionId), { code: "NAME_UNKNOWN" });
});

test("a name that could be taken for a version's, or that hides something, is no key's", async () => {
  using store = await testKeyStore();
  for (const name of ["", "web01/v1", "a b", "-a", ".a", "a\n", "a\u202eb", "ä", "a".repeat(201)]) {
    assert.throws(() => addTestVersion(store, name, "x"), { code: "ARGUMENT_INVALID" }, name);
  }
  for (const name of ["web01", "web01.root.3", "0", "vg+root_1-2", "a".repeat(200)]) {
    assert.equal(addTestVersion(store, name, "x").keyName, name);
  }
});

test("a version is usable unless something says otherwise", async () => {
  using store = await testKeyStore();
  const version = addTestVersion(store, "web01", "one");
  const past = now.epochMilliseconds - 1;
  const future = now.epochMilliseconds + 1;
  assert.equal(whyUnusable(version, now), null);
  assert.equal(whyUnusable({ ...version, activatesMs: past, expiresMs: past, retiredMs: past }, now), null);
  assert.equal(whyUnusable({ ...version, activatesMs: future }, now), "it is not active yet");
  assert.equal(whyUnusable({ ...version, enabled: false }, now), "it is disabled");
  assert.equal(whyUnusable({ ...version, enabled: false, deletedMs: past }, now), "it is deleted");
  assert.equal(whyUnusable({ ...version, deletedMs: past, destroyedMs: past }, now), "it was destroyed");
});

test("the list has of each key what no other version took the place of", async () => {
  using store = await testKeyStore();
  const made = ["one", "two", "three"].map((text) => addTestVersion(store, "web01", text));
  addTestVersion(store, "dc01", "other");
  store.db.prepare("UPDATE versions SET retired_ms = 1 WHERE key = ? AND number < 3").run(made[0]?.key ?? "");
  const listed = loadKeys(store).map(({ name, current, count }) => [name, current.map(versionName), count]);
  assert.deepEqual(listed, [
    ["dc01", ["dc01/v1"], 1],
    ["web01", ["web01/v3"], 3],
  ]);
  const retired = made.map((version) => ({ ...version, retiredMs: 1 }));
  assert.deepEqual(currentOf(retired).map(versionName), ["web01/v3"]);
  assert.deepEqual(currentOf([]), []);
});
