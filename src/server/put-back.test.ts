import assert from "node:assert/strict";
import { test } from "node:test";

import type { Receipt } from "#api/needs.ts";
import type { InputOf, ReplyOf } from "#api/routes.ts";
import { systemRandom } from "#crypto/derive.ts";
import { LockstepError } from "#errors/errors.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { auditHead } from "#keys/audit/audit.ts";
import { ensureCopied, isReadyForCopies } from "#keys/copies/copies.ts";
import { copyKeys } from "#keys/copies/copy-format.ts";
import { writeClaim } from "#keys/copies/epoch-claim.ts";
import type { CopySide } from "#keys/copies/open-places.ts";
import { addPlace, placesInUse } from "#keys/copies/places.ts";
import { copiesIn } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { goOnAsPutBack } from "#keys/recovery/put-back.ts";
import { inTransaction } from "#keys/store/database.ts";
import { itself } from "#keys/store/model.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";
import { memoryStore } from "#store/memory.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { idOf } from "#testing/keys/needs-world.ts";
import { enrolSomeVault, someMachine, someVault } from "#testing/keys/presented-volume.ts";

type Report = InputOf<"point.report">;

/** A report of a machine with a point, and with the receipts that its log has. */
function reporting(keySide: TestKeySide, receipts: Receipt[], more: Partial<Report> = {}) {
  const point = {
    point: idOf("web01@1"),
    name: "web01@1",
    capturedAt: "2026-01-01T00:00:00Z",
    expectedUntil: null,
    volumes: [],
  };
  const report = { vault: someVault, machine: someMachine, machineName: "web01", receipts, points: [point], ...more };
  return keySide.as("backup", "point.report", report);
}

function receiptIn({ receipt }: ReplyOf<"point.report">): Receipt {
  return receipt ?? assert.fail("there is no receipt");
}

/** Does things that leave audit entries. */
async function act(keySide: TestKeySide, times: number): Promise<void> {
  for (let time = 1; time <= times; time++) await keySide.as("custodian", "policy.set", { proofIntervalDays: time });
}

/** Puts the audit log back to how it was after so many entries, as an old copy of the database would have it. */
function putBack({ side: { store } }: TestKeySide, entries: number): void {
  const triggers = ["audit_is_append_only_2", "audit_heads_are_append_only_2"];
  const textOf = store.db.prepare("SELECT sql FROM sqlite_schema WHERE name = ?");
  const texts = triggers.map((trigger) => String(textOf.get(trigger)?.["sql"]));
  store.db.exec(`${triggers.map((trigger) => `DROP TRIGGER ${trigger};`).join(" ")}
    DELETE FROM audit_heads WHERE seq > ${entries}; DELETE FROM audit WHERE seq > ${entries}; ${texts.join("; ")}`);
}

/** A key side that gave a receipt, and then was put back by two entries. */
async function rolledBack(): Promise<{ keySide: TestKeySide; receipt: Receipt }> {
  const keySide = await testKeySide();
  enrolSomeVault(keySide);
  await act(keySide, 4);
  const receipt = receiptIn(await reporting(keySide, []));
  putBack(keySide, receipt.auditSeq - 2);
  return { keySide, receipt };
}

for (const grown of [0, 2, 50]) {
  test(`a store that was put back, and had ${grown} entries since, is frozen by the receipt of before, and gives no new one`, async () => {
    const { keySide, receipt } = await rolledBack();
    using _open = keySide;
    const { store } = keySide.side;
    await act(keySide, grown);
    const { auditSeq } = receipt;
    const reply = await reporting(keySide, [receipt]);
    assert.equal(reply.receipt, null);
    const found = grown < 2 ? `the log ends with ${auditSeq - 2}` : "it is another one here";
    const why = `it was put back to an older state, or is a copy that went its own way: the vault vault aa, machine web01, has a receipt of its audit entry ${auditSeq}, of 2026-01-01T00:00:00Z, and ${found}`;
    assert.equal(store.facts().frozen, why);
    assert.deepEqual(reply.warnings, [
      `the key store releases and destroys nothing: ${why}. A custodian must look: docs/key-side.md`,
    ]);
    const { vaults } = await keySide.as("auditor", "vault.list", {});
    assert.equal(vaults[0]?.points, 1, "the report counts");
    const { entries } = await keySide.as("auditor", "audit.list", { last: 5 });
    assert.ok(entries.some(({ act: done, who }) => done === "store.freeze" && who === "key side"));
    await keySide.as("custodian", "key.add", {
      name: "web01",
      kind: "passphrase",
      value: null,
      note: "",
      activatesAt: null,
      expiresAt: null,
    });
    for (const asked of [
      keySide.as("custodian", "key.reveal", { version: "web01/v1", reason: "r" }),
      keySide.as("custodian", "key.delete", { name: "web01/v1" }),
    ]) {
      await assert.rejects(asked, { code: "KEY_STORE_FROZEN" });
    }
    assert.equal((await reporting(keySide, [])).receipt, null, "one that presents no receipt changes nothing");
    assert.equal(store.facts().frozen, why);
  });
}

test("receipts that the log bears out, old or new, those of other stores, and those of epochs before show nothing", async () => {
  using keySide = await testKeySide();
  using other = await testKeySide();
  for (const each of [keySide, other]) enrolSomeVault(each);
  await act(other, 9);
  const old = receiptIn(await reporting(keySide, []));
  await act(keySide, 3);
  const newer = receiptIn(await reporting(keySide, [old], { points: [] }));
  const { warnings, receipt } = await reporting(keySide, [old, newer, receiptIn(await reporting(other, []))]);
  assert.deepEqual([warnings, receipt === null, keySide.side.store.facts().frozen], [[], false, null]);
  keySide.side.store.db.exec("UPDATE store SET epoch = 2");
  putBack(keySide, newer.auditSeq - 1);
  assert.deepEqual((await reporting(keySide, [newer])).warnings, []);
  assert.equal(keySide.side.store.facts().frozen, null);
});

test("a receipt that this store did not sign is refused, audited, and freezes nothing; the report counts", async () => {
  using keySide = await testKeySide();
  enrolSomeVault(keySide);
  const genuine = receiptIn(await reporting(keySide, []));
  for (const change of [{ auditSeq: genuine.auditSeq + 9 }, { auditHash: "0".repeat(64) }, { epoch: 2 }]) {
    const { warnings, receipt } = await reporting(keySide, [{ ...genuine, ...change }], { points: [] });
    assert.match(warnings.join(), /^a receipt of this key store that was presented is not signed by it/);
    assert.deepEqual([receipt === null, keySide.side.store.facts().frozen], [false, null]);
    const { entries } = await keySide.as("auditor", "audit.list", { last: 2 });
    assert.ok(entries.some(({ outcome, detail }) => outcome === "refused" && detail["receipt"] === "forged"));
  }
  const head = auditHead(keySide.side.store.db).seq;
  for (let time = 0; time < 100; time++) await reporting(keySide, [{ ...genuine, epoch: 7 }], { points: [] });
  assert.ok(auditHead(keySide.side.store.db).seq <= head + 20, "so many say nothing new");
});

test("a receipt of a later epoch shows that the store was recovered elsewhere: it stays frozen for good", async () => {
  using keySide = await testKeySide();
  enrolSomeVault(keySide);
  const { db } = keySide.side.store;
  db.exec("UPDATE store SET epoch = 2");
  const later = receiptIn(await reporting(keySide, []));
  db.exec("UPDATE store SET epoch = 1");
  await reporting(keySide, [later]);
  assert.match(keySide.side.store.facts().frozen ?? "", /^it was recovered elsewhere: .* epoch 2, .* this is epoch 1$/);
  await assert.rejects(keySide.as("custodian", "audit.accept", { reason: "looked" }), { code: "ARGUMENT_INVALID" });
});

test("a custodian goes on with it as a new epoch, which waits for every vault's report", async () => {
  const { keySide, receipt } = await rolledBack();
  using _open = keySide;
  const { store } = keySide.side;
  enrolSomeVault(keySide, "ab".repeat(16));
  await reporting(keySide, [receipt]);
  assert.deepEqual(await keySide.as("custodian", "audit.accept", { reason: "the disk was replaced" }), { epoch: 2 });
  assert.deepEqual([store.facts().epoch, store.facts().frozen], [2, FROZEN_AFTER_RECOVERY]);
  await using place = await keySide.side.openPlace("memory", new AbortController().signal);
  assert.notEqual(await place.get("keystore/epoch-00000002", 4096, new AbortController().signal), null);
  const { warnings, receipt: given } = await reporting(keySide, [receipt]);
  assert.deepEqual([warnings, given?.epoch, store.facts().frozen], [[], 2, FROZEN_AFTER_RECOVERY]);
  await reporting(keySide, [], { vault: "ab".repeat(16) });
  assert.equal(store.facts().frozen, null);
  await assert.rejects(keySide.as("custodian", "audit.accept", { reason: "again" }), { code: "ARGUMENT_INVALID" });
});

test("no copy of a store that was put back takes the place of a newer one, and none is deleted, until a custodian has looked", async () => {
  const { keySide, receipt } = await rolledBack();
  using _open = keySide;
  const { signal } = new AbortController();
  const names = async (): Promise<string[]> => {
    await using place = await keySide.side.openPlace("memory", signal);
    const found: string[] = [];
    for await (const { key } of place.list("keystore/", {}, signal)) found.push(key);
    return found;
  };
  await keySide.as("custodian", "copy.make", { full: true });
  await reporting(keySide, [receipt]);
  const before = await names();
  await assert.rejects(keySide.as("custodian", "copy.make", { full: true }), { code: "KEY_STORE_FROZEN" });
  assert.equal(isReadyForCopies(keySide.side.store), false);
  assert.deepEqual(await names(), before);
  await keySide.as("custodian", "audit.accept", { reason: "looked" });
  assert.deepEqual(await names(), [...before, "keystore/epoch-00000002"].toSorted(), "the epoch is claimed at once");
  await keySide.as("custodian", "copy.make", { full: true });
  assert.deepEqual(await names(), [...before, "keystore/00000002-00000001", "keystore/epoch-00000002"].toSorted());
});

test("one that was recovered elsewhere meanwhile cannot go on: it stays frozen for good", async () => {
  const { keySide, receipt } = await rolledBack();
  using _open = keySide;
  const { side } = keySide;
  const { signal } = new AbortController();
  await reporting(keySide, [receipt]);
  const claim = { store: side.store.facts().id, epoch: 2, claim: "d".repeat(32), at: "2026-01-01T00:00:00Z" };
  const bytes = writeClaim(claim, (signed) => side.store.ring.sign("epoch", signed));
  await using place = await side.openPlace("memory", signal);
  await place.put(copyKeys.claim(2), [bytes], {}, signal);
  await assert.rejects(keySide.as("custodian", "audit.accept", { reason: "looked" }), { code: "KEY_STORE_FROZEN" });
  assert.equal(side.store.facts().epoch, 1);
  assert.match(side.store.facts().frozen ?? "", /^it was recovered elsewhere: epoch 2 was claimed in memory/);
});

test("copies that it wrote before it was put back are known after it went on, those in places that are away once they are back", async () => {
  const { keySide, receipt } = await rolledBack();
  using _open = keySide;
  const { store } = keySide.side;
  const { signal } = new AbortController();
  const places = new Map(["memory", "away"].map((name) => [name, memoryStore()]));
  let isAway = false;
  const side: CopySide = {
    store,
    openPlace: (name) => {
      const place = places.get(name);
      if (place !== undefined && !(isAway && name === "away")) return Promise.resolve(place);
      return Promise.reject(new LockstepError("STORE_MISSING", "it is away"));
    },
  };
  const ids = new Map(["memory", "away"].map((name) => [name, placeId(store, name)]));
  for (let copy = 1; copy <= 2; copy++) await ensureCopied(side, signal, "full");
  store.db.exec("DELETE FROM copies WHERE number = 2");
  await reporting(keySide, [receipt]);
  isAway = true;
  const known = (name: string): (readonly number[])[] =>
    copiesIn(store, ids.get(name) ?? "").map(({ epoch, number }) => [epoch, number]);
  await goOnAsPutBack(side, itself, "looked", signal);
  assert.deepEqual(
    known("memory"),
    [1, 2].map((number) => [1, number]),
  );
  assert.deepEqual(
    known("away"),
    [1, 3].map((number) => [1, number]),
    "one of those that it may have",
  );
  isAway = false;
  await ensureCopied(side, signal, "full");
  assert.deepEqual(known("away"), [
    [1, 1],
    [1, 2],
    [1, 3],
    [2, 1],
  ]);
});

/** The id of a place, which is added where it is none. */
function placeId(store: KeyStore, name: string): string {
  const known = placesInUse(store).find(({ place }) => place === name);
  return known?.id ?? inTransaction(store.db, () => addPlace(store, { place: name, domain: name }));
}

test("with two custodians, one alone cannot go on with it", async () => {
  const { keySide, receipt } = await rolledBack();
  using _open = keySide;
  const { store } = keySide.side;
  await reporting(keySide, [receipt]);
  const token = newToken(systemRandom);
  inTransaction(store.db, () => addIdentity(store, { name: "bob", role: "custodian", token, expiresMs: null }));
  await assert.rejects(keySide.as("custodian", "audit.accept", { reason: "r" }), { code: "APPROVAL_NEEDED" });
  assert.equal(store.facts().epoch, 1);
});
