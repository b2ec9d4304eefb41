import assert from "node:assert/strict";
import { test } from "node:test";

import type { InputOf } from "#api/routes.ts";
import { base64, utf8 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import { knowKeyStore } from "#ops/keys/known-key-store.ts";
import { reportPoints } from "#ops/keys/report-points.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { InStepBench } from "#testing/keys/in-step-bench.ts";
import { testSealPassphrase } from "#testing/keys/key-side.ts";
import { must } from "#testing/vaults/log-bench.ts";

const testSeal = base64(utf8(testSealPassphrase));

type Report = InputOf<"point.report">;

/** Keeps what is reported. */
function overhear(bench: InStepBench): Report[] {
  const heard: Report[] = [];
  const { client } = bench;
  bench.client = {
    call: (name, input, signal) => {
      if (name === "point.report") heard.push(input as Report);
      return client.call(name, input, signal);
    },
  };
  return heard;
}

test("all points that are not purged are reported, with what of them is encrypted and until when they stay", async () => {
  using bench = await InStepBench.make("reported");
  const heard = overhear(bench);
  const points = [await bench.backUp()];
  bench.pass({ minutes: 1 });
  points.push(await bench.backUp({ unlogged: true }));
  await deletePoint(bench.log, points[0] ?? assert.fail(), "test", bench.signal);
  const { quarantined, warnings } = await reportPoints(bench.deps, bench.signal);
  assert.deepEqual([quarantined, warnings], [0, []]);

  const [report] = heard;
  assert.deepEqual([report?.machine, report?.machineName], [bench.log.machine, "web01"]);
  const [kept, deleted] = report?.points ?? [];
  assert.deepEqual([kept?.point, kept?.expectedUntil], [points[1], null]);
  assert.deepEqual([deleted?.point, deleted?.expectedUntil], [points[0], "2026-01-15T00:01:00Z"]);
  assert.match(kept?.name ?? "", /^web01@2026-01-01T00:01$/);
  for (const each of [kept, deleted]) {
    assert.partialDeepStrictEqual(each?.volumes, [{ disk: "sda", volume: "1", format: "luks1" }]);
    assert.equal(each?.volumes[0]?.protectors.length, 3);
  }
});

test("a forecast is noon of the day that the keep rule names, in the machine's time zone", async () => {
  using bench = await InStepBench.make("forecast");
  const heard = overhear(bench);
  const machine = { ...bench.log.fold.machine, keep: "daily=2", timeZone: "Europe/Vienna" };
  await must(bench.log, { type: "machine", machine });
  await bench.backUp();
  await reportPoints(bench.deps, bench.signal);
  assert.equal(heard[0]?.points[0]?.expectedUntil, "2026-01-03T11:00:00Z");
});

test("the receipt goes into the log once, and again when it says something new", async () => {
  using bench = await InStepBench.make("receipts");
  await bench.backUp();
  const { receipt } = await reportPoints(bench.deps, bench.signal);
  assert.ok(receipt !== null);
  assert.deepEqual([...bench.log.fold.receipts.values()], [receipt]);
  const { seq } = bench.log.fold;
  bench.pass({ hours: 23 });
  await reportPoints(bench.deps, bench.signal);
  assert.equal(bench.log.fold.seq, seq, "the key side's log has nothing new");
  bench.pass({ hours: 1 });
  const later = await reportPoints(bench.deps, bench.signal);
  assert.deepEqual([bench.log.fold.seq, ...bench.log.fold.receipts.values()], [seq + 1, later.receipt]);
});

test("a key store that is older than the log has seen it is named, and its receipt does not replace the newer one", async () => {
  using bench = await InStepBench.make("rolled back");
  await bench.backUp();
  const { receipt } = await reportPoints(bench.deps, bench.signal);
  assert.ok(receipt !== null);
  const newer = { ...receipt, auditSeq: receipt.auditSeq + 1000 };
  await must(bench.log, { type: "receipt", compatible: true, receipt: newer });
  const { warnings } = await reportPoints(bench.deps, bench.signal);
  assert.match(warnings.join(), /older than it was on .* somebody put an old copy of it in its place/);
  assert.equal(bench.log.fold.receipts.get(receipt.store)?.auditSeq, newer.auditSeq);
});

test("a key store whose audit log has the log's number and another hash is named", async () => {
  using bench = await InStepBench.make("another");
  await bench.backUp();
  const { receipt: known } = await reportPoints(bench.deps, bench.signal);
  assert.ok(known !== null);
  // The next report leaves two entries: that this receipt is refused, and that a point is new.
  const other = { ...known, auditSeq: known.auditSeq + 2, auditHash: "f".repeat(64) };
  await must(bench.log, { type: "receipt", compatible: true, receipt: other });
  await bench.backUp();
  const { receipt, warnings } = await reportPoints(bench.deps, bench.signal);
  assert.equal(receipt?.auditSeq, other.auditSeq);
  assert.match(warnings.join(), /is not signed by it.*another one than on .* has another hash/);
});

test("a key store that was put back and grew past the newest receipt is found out by that; its receipts replace none", async () => {
  using bench = await InStepBench.make("put back");
  const { store } = bench.keySide.side;
  for (let days = 1; days <= 3; days++) await bench.keySide.as("custodian", "policy.set", { proofIntervalDays: days });
  await bench.backUp();
  const { receipt: known } = await reportPoints(bench.deps, bench.signal);
  store.db.exec("DROP TRIGGER audit_is_append_only_2; DELETE FROM audit WHERE seq > 2");
  for (let days = 1; days <= 9; days++) await bench.keySide.as("custodian", "policy.set", { proofIntervalDays: days });
  const { receipt, warnings } = await reportPoints(bench.deps, bench.signal);
  assert.deepEqual([receipt, ...bench.log.fold.receipts.values()], [null, known]);
  assert.match(warnings.join(), /releases and destroys nothing: it was put back to an older state/);
  assert.notEqual(store.facts().frozen, null);
});

test("while the key store is sealed, points are reported, and there is no receipt", async () => {
  using bench = await InStepBench.make("sealed");
  await bench.backUp();
  await bench.keySide.as("custodian", "store.seal", {});
  const { receipt } = await reportPoints(bench.deps, bench.signal);
  assert.deepEqual([receipt, bench.log.fold.receipts.size], [null, 0]);
  const { vaults } = await bench.keySide.as("custodian", "vault.list", {});
  assert.equal(vaults[0]?.points, 1);
});

test("a receipt is logged before its day where there is a newer copy of the key store, and once for each", async () => {
  using bench = await InStepBench.make("newer copy");
  await bench.backUp();
  const first = await reportPoints(bench.deps, bench.signal);
  assert.equal(first.receipt?.copy, 0);
  const { db } = bench.keySide.side.store;
  db.exec(`INSERT INTO places (id, place, domain, added_ms) VALUES ('p', '/copies', 'a', 0);
    INSERT INTO copies (epoch, number, place, size_bytes, written_ms, verified_ms, upto, audit_upto, schema, destroyed)
    VALUES (1, 1, 'p', 1, 0, 1, 1, 1, 1, 0)`);
  await bench.keySide.as("custodian", "store.seal", {});
  await bench.keySide.as("custodian", "store.unseal", { kind: "passphrase", secret: testSeal });
  const seq = bench.log.fold.seq;
  const newer = await reportPoints(bench.deps, bench.signal);
  assert.deepEqual([newer.receipt?.copy, bench.log.fold.seq], [1, seq + 1]);
  assert.deepEqual([...bench.log.fold.receipts.values()], [newer.receipt]);
  await bench.keySide.as("custodian", "store.seal", {});
  await bench.keySide.as("custodian", "store.unseal", { kind: "passphrase", secret: testSeal });
  await reportPoints(bench.deps, bench.signal);
  assert.equal(bench.log.fold.seq, seq + 1);
});

test("a receipt is logged before its day where much happened in the key store, and where that was recovered", async () => {
  using bench = await InStepBench.make("much happened");
  await bench.backUp();
  await reportPoints(bench.deps, bench.signal);
  const { db } = bench.keySide.side.store;
  for (let entry = 0; entry < 60; entry++) await bench.keySide.as("custodian", "store.seal", {});
  await bench.keySide.as("custodian", "store.unseal", { kind: "passphrase", secret: testSeal });
  const busy = await reportPoints(bench.deps, bench.signal);
  assert.deepEqual([...bench.log.fold.receipts.values()], [busy.receipt]);
  db.exec("UPDATE store SET epoch = epoch + 1");
  const recovered = await reportPoints(bench.deps, bench.signal);
  assert.equal(recovered.receipt?.epoch, 2);
  assert.deepEqual([...bench.log.fold.receipts.values()], [recovered.receipt]);
});

test("a receipt that the key store did not sign is warned of, and does not go into the log", async () => {
  using bench = await InStepBench.make("forged");
  await bench.backUp();
  await knowKeyStore(bench.deps, bench.signal);
  const { client } = bench;
  const forged: KeyClient = {
    call: async (name, input, signal) => {
      const reply = await client.call(name, input, signal);
      if (!("receipt" in reply) || reply.receipt === null) return reply;
      return { ...reply, receipt: { ...reply.receipt, auditSeq: reply.receipt.auditSeq + 1 } };
    },
  };
  const { warnings } = await reportPoints({ ...bench.deps, client: forged }, bench.signal);
  assert.match(warnings.join(), /the receipt of the report is not signed by the key store that the log knows/);
  assert.equal(bench.log.fold.receipts.size, 0);
  await reportPoints(bench.deps, bench.signal);
  assert.equal(bench.log.fold.receipts.size, 1);
});
