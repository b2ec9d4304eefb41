import assert from "node:assert/strict";
import { test } from "node:test";

import type { InputOf } from "#api/routes.ts";
import { base64, fromUtf8, utf8 } from "#bytes/text.ts";
import { mistypedGroups } from "#keys/versions/generated-secret.ts";
import { findVersion, versionValue } from "#keys/versions/versions.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

const passphrase = base64(utf8("correct horse"));

/** What is added where nothing else is said. */
function given(name: string, more: Partial<InputOf<"key.add">> = {}): InputOf<"key.add"> {
  return { name, kind: "passphrase", value: passphrase, note: "", activatesAt: null, expiresAt: null, ...more };
}

/** Entries of the audit log: act, subject, outcome. */
function audited({ side }: TestKeySide, act: string): readonly (readonly string[])[] {
  return side.store.db
    .prepare("SELECT who, subject, outcome, detail FROM audit WHERE act = ? ORDER BY seq")
    .all(act)
    .map(({ who, subject, outcome, detail }) => [who, subject, outcome, detail].map(String));
}

test("a version that is added is listed, shown, and revealed with a reason", async () => {
  using side = await testKeySide();
  const { version } = await side.as("custodian", "key.add", given("web01", { note: "from the old list" }));
  assert.deepEqual(
    [version.name, version.kind, version.origin, version.note, version.createdAt],
    ["web01/v1", "passphrase", "given", "from the old list", "2026-01-01T00:00:00Z"],
  );
  const { keys } = await side.as("backup", "key.list", {});
  assert.deepEqual(
    keys.map(({ name, versions, count }) => [name, versions, count]),
    [["web01", [version], 1]],
  );
  const shown = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(shown.versions, [{ version, bindings: [], needs: [], certificate: null, copies: [] }]);
  const revealed = await side.as("custodian", "key.reveal", { version: "web01/v1", reason: "console login" });
  assert.deepEqual(revealed, { version, value: passphrase });
  const [entry] = audited(side, "key.reveal");
  assert.deepEqual(entry?.slice(0, 3), ["custodian", "web01/v1", "done"]);
  assert.match(entry?.[3] ?? "", /"reason":"console login","version":"web01\/v1"/);
});

test("a value that is made is a generated secret, and its answer does not have it", async () => {
  using side = await testKeySide();
  const added = await side.as("custodian", "key.add", given("web01", { value: null }));
  assert.equal(added.version.origin, "generated");
  const { store } = side.side;
  const text = fromUtf8(versionValue(store, findVersion(store, "web01/v1")).bytes);
  assert.deepEqual(mistypedGroups(text), []);
  assert.ok(!JSON.stringify(added).includes(text));
});

test("what was made here is handed to nobody while no copy holds it; what people brought is", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01", { value: null }));
  await side.as("custodian", "key.add", given("dc01"));
  const reveal = (version: string) => side.as("custodian", "key.reveal", { version, reason: "r" });
  const { db } = side.side.store;
  db.exec("UPDATE places SET removed_ms = 1"); // so there is no place for copies
  await assert.rejects(reveal("web01/v1"), { code: "COPY_NOT_DURABLE" });
  assert.equal((await reveal("dc01/v1")).value, passphrase);
  db.exec("UPDATE places SET removed_ms = NULL");
  await reveal("web01/v1");
  assert.notEqual(db.prepare("SELECT verified_ms FROM copies").get()?.["verified_ms"], null);
});

test("no value is in the audit log, in the database's plain columns, or in a refusal", async () => {
  using side = await testKeySide();
  const secret = "a secret that must not be seen";
  const value = base64(utf8(secret));
  await side.as("custodian", "key.add", given("web01", { value }));
  await side.as("custodian", "key.reveal", { version: "web01/v1", reason: "r" });
  const refused = side.as("custodian", "key.add", given("web01", { kind: "recovery-password", value }));
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof Error && !error.message.includes(secret) && !String(error.stack).includes(secret));
    return true;
  });
  const { store } = side.side;
  for (const { name } of store.db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()) {
    for (const row of store.db.prepare(`SELECT * FROM ${String(name)}`).all()) {
      for (const cell of Object.values(row)) {
        const bytes =
          typeof cell === "string" ? Buffer.from(cell) : cell instanceof Uint8Array ? Buffer.from(cell) : null;
        assert.ok(!bytes?.includes(secret) && !bytes?.includes(value), String(name));
      }
    }
  }
});

test("what cannot be used is not revealed, and what is said of it names why", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01", { activatesAt: "2026-02-01T00:00:00Z" }));
  const reveal = () => side.as("custodian", "key.reveal", { version: "web01/v1", reason: "r" });
  await assert.rejects(reveal(), { code: "VERSION_UNUSABLE", message: /not active yet/ });
  side.pass({ months: 2 });
  await reveal();
  await side.as("custodian", "key.set", { version: "web01/v1", enabled: false });
  await assert.rejects(reveal(), { code: "VERSION_UNUSABLE", message: /disabled/ });
  await side.as("custodian", "key.set", { version: "web01/v1", enabled: true });
  await side.as("custodian", "key.delete", { name: "web01" });
  await assert.rejects(reveal(), { code: "VERSION_UNUSABLE", message: /deleted/ });
  await side.as("custodian", "key.recover", { name: "web01" });
  side.side.store.seal();
  await assert.rejects(reveal(), { code: "KEY_STORE_SEALED" });
  await assert.rejects(side.as("custodian", "key.add", given("web02")), { code: "KEY_STORE_SEALED" });
  assert.equal((await side.as("custodian", "key.list", {})).keys.length, 1); // all but values
});

test("a reason is needed, and blanks are none", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01"));
  for (const reason of ["", "  "]) {
    await assert.rejects(side.as("custodian", "key.reveal", { version: "web01/v1", reason }), {
      code: "ARGUMENT_INVALID",
    });
  }
});

test("nobody but a custodian changes anything or gets a value", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01"));
  for (const role of ["auditor", "backup", "machine"] as const) {
    for (const ask of [
      () => side.as(role, "key.add", given("web02")),
      () => side.as(role, "key.reveal", { version: "web01/v1", reason: "r" }),
      () => side.as(role, "key.set", { version: "web01/v1", enabled: false }),
      () => side.as(role, "key.delete", { name: "web01" }),
      () => side.as(role, "key.recover", { name: "web01" }),
      () => side.as(role, "key.purge", { versions: ["web01/v1"] }),
      () => side.as(role, "key.hold", { version: "web01/v1", reason: "r", expectedUntil: null }),
      () => side.as(role, "key.release", { hold: "00".repeat(16) }),
    ]) {
      await assert.rejects(ask(), { code: "NOT_ALLOWED" }, `${role}: ${String(ask)}`);
    }
  }
});

test("a hold keeps a version until it is released, and a date does not end it", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01"));
  const expectedUntil = "2026-02-01T00:00:00Z";
  const { hold } = await side.as("custodian", "key.hold", { version: "web01/v1", reason: "tape 17", expectedUntil });
  const { versions } = await side.as("custodian", "key.show", { name: "web01/v1" });
  assert.deepEqual(
    versions[0]?.needs.map(({ kind, what, expectedUntil: until }) => [kind, what, until]),
    [["hold", "tape 17", expectedUntil]],
  );
  side.pass({ years: 3 });
  await assert.rejects(side.as("custodian", "key.delete", { name: "web01" }), {
    code: "VERSION_NEEDED",
    message: /tape 17/,
    hint: /key needed-by web01\/v1/,
  });
  await side.as("custodian", "key.release", { hold });
  await assert.rejects(side.as("custodian", "key.release", { hold }), { code: "NAME_UNKNOWN" });
  await side.as("custodian", "key.delete", { name: "web01" });
});

test("a destroyed version keeps its name and its certificate, and nothing else", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01"));
  await side.as("custodian", "key.delete", { name: "web01/v1" });
  const { versions } = await side.as("custodian", "key.purge", { versions: ["web01/v1"] });
  assert.equal(versions[0]?.version.destroyedAt, "2026-01-01T00:00:00Z");
  const shown = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(shown.versions[0]?.certificate, versions[0]?.certificate);
  await assert.rejects(side.as("custodian", "key.reveal", { version: "web01/v1", reason: "r" }), {
    code: "VERSION_UNUSABLE",
    message: /destroyed/,
  });
  assert.deepEqual((await side.as("custodian", "key.list", {})).keys[0]?.versions.length, 1);
});

test("what waits for a second person is refused at once where it would be refused anyhow", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01"));
  await side.as("custodian", "identity.add", { name: "second", role: "custodian", expiresAt: null });
  await assert.rejects(side.as("custodian", "key.purge", { versions: ["web01/v1"] }), { code: "VERSION_NOT_DELETED" });
  await assert.rejects(side.as("custodian", "key.reveal", { version: "web02/v1", reason: "r" }), {
    code: "NAME_UNKNOWN",
  });
  await assert.rejects(side.as("custodian", "key.reveal", { version: "web01/v1", reason: "r" }), {
    code: "APPROVAL_NEEDED",
  });
});

test("what a second person approves names versions, since a key's name may mean others when it is done", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", given("web01"));
  for (const version of ["web01", "web01/v0", "web01/", "a/b/v1"]) {
    await assert.rejects(side.as("custodian", "key.reveal", { version, reason: "r" }), { code: "ARGUMENT_INVALID" });
    await assert.rejects(side.as("custodian", "key.purge", { versions: [version] }), { code: "ARGUMENT_INVALID" });
  }
  await assert.rejects(side.as("custodian", "key.purge", { versions: [] }), { code: "ARGUMENT_INVALID" });
});
