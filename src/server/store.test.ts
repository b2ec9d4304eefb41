import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, utf8 } from "#bytes/text.ts";
import { loadHeads } from "#keys/audit/audit-heads.ts";
import { auditHead, loadAudit } from "#keys/audit/audit.ts";
import { testKeySide, testSealPassphrase } from "#testing/keys/key-side.ts";

const keyFile = { kind: "key-file", label: "stick", secret: base64(new Uint8Array(32).fill(8)) } as const;

test("what the store is, whoever asks, open or sealed", async () => {
  using side = await testKeySide();
  const shown = await side.ask(null, "store.show", {});
  assert.equal(shown.id, side.side.store.facts().id);
  assert.deepEqual(
    [
      shown.createdAt,
      shown.epoch,
      shown.frozen,
      shown.sealed,
      shown.keys,
      shown.versions,
      shown.custodians,
      shown.user,
    ],
    ["2026-01-01T00:00:00Z", 1, null, false, 0, 0, 1, "test"],
  );
  assert.deepEqual(
    shown.seals.map(({ kind, label }) => [kind, label]),
    [["passphrase", "passphrase"]],
  );
  await side.as("custodian", "store.seal", {});
  assert.deepEqual(await side.ask(null, "store.show", {}), { ...shown, sealed: true });
});

test("whoever has the secret opens it, and nobody else", async () => {
  using side = await testKeySide();
  await side.as("custodian", "store.seal", {});
  const unseal = (text: string) => side.ask(null, "store.unseal", { kind: "passphrase", secret: base64(utf8(text)) });
  await assert.rejects(unseal("another"), { code: "KEY_STORE_REJECTED" });
  assert.equal(side.side.store.isSealed, true);
  await unseal(testSealPassphrase);
  assert.equal(side.side.store.isSealed, false);
});

test("ways are added and removed, and the last one stays", async () => {
  using side = await testKeySide();
  const { seal } = await side.as("custodian", "store.addSeal", keyFile);
  assert.deepEqual([seal.kind, seal.label], ["key-file", "stick"]);
  await side.as("custodian", "store.seal", {});
  await side.ask(null, "store.unseal", { kind: keyFile.kind, secret: keyFile.secret });
  const removed = await side.as("custodian", "store.removeSeal", { seal: "passphrase" });
  assert.deepEqual([removed.seal.label, removed.values, removed.damaged], ["passphrase", 1, []]);
  await assert.rejects(side.as("custodian", "store.removeSeal", { seal: seal.id }), { code: "UNLOCK_LAST" });
});

test("one custodian of several takes no way to open it from the others", async () => {
  using side = await testKeySide();
  const { token: bob } = await side.as("custodian", "identity.add", {
    name: "bob",
    role: "custodian",
    expiresAt: null,
  });
  await side.as("custodian", "store.addSeal", keyFile);
  const remove = (seal: string) => side.as("custodian", "store.removeSeal", { seal });
  await assert.rejects(remove("passphrase"), { code: "APPROVAL_NEEDED" });
  await side.as("custodian", "store.seal", {});
  await side.ask(null, "store.unseal", { kind: "passphrase", secret: base64(utf8(testSealPassphrase)) });
  const { approvals } = await side.ask(bob, "approval.list", {});
  await side.ask(bob, "approval.approve", { approval: approvals[0]?.id ?? "" });
  assert.equal((await remove("passphrase")).seal.label, "passphrase");
  await assert.rejects(remove("stick"), { code: "UNLOCK_LAST" }); // what cannot be is not waited for
});

test("a rollover of its keys says how much was wrapped anew", async () => {
  using side = await testKeySide();
  await side.as("custodian", "key.add", {
    name: "web01",
    kind: "passphrase",
    value: null,
    note: "",
    activatesAt: null,
    expiresAt: null,
  });
  assert.deepEqual(await side.as("custodian", "store.rekey", {}), { values: 2, damaged: [], notErased: null });
});

test("each of these is in the audit log, and no secret is", async () => {
  using side = await testKeySide();
  await side.as("custodian", "store.addSeal", keyFile);
  await side.as("custodian", "store.rekey", {});
  await side.as("custodian", "store.removeSeal", { seal: "stick" });
  await side.as("custodian", "store.seal", {});
  const entries = side.side.store.db
    .prepare("SELECT act, subject, outcome, detail FROM audit WHERE act LIKE 'store.%' ORDER BY seq")
    .all();
  assert.deepEqual(
    entries.map(({ act, subject, outcome }) => [act, subject, outcome].map(String)),
    [
      ["store.addSeal", "stick", "done"],
      ["store.rekey", "store", "done"],
      ["store.removeSeal", "stick", "done"],
      ["store.seal", "store", "done"],
    ],
  );
  assert.ok(!JSON.stringify(entries).includes(keyFile.secret));
});

test("what sealing leaves behind is a signed head of its own entry", async () => {
  using side = await testKeySide();
  const { store } = side.side;
  await side.as("custodian", "store.seal", {});
  const { seq } = auditHead(store.db);
  assert.deepEqual(
    loadAudit(store.db, seq, 1).map(({ act }) => act),
    ["store.seal"],
  );
  assert.equal(loadHeads(store, seq, seq).length, 1);
});

test("it is sealed even where that cannot be written down", async () => {
  using side = await testKeySide();
  const { store } = side.side;
  store.db.exec("CREATE TEMP TRIGGER full BEFORE INSERT ON main.audit BEGIN SELECT RAISE(ABORT, 'no room'); END");
  await assert.rejects(side.as("custodian", "store.seal", {}), /no room/);
  assert.equal(store.isSealed, true);
});
