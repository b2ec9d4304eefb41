import assert from "node:assert/strict";
import { test } from "node:test";

import { receiptText } from "#api/needs.ts";
import type { Receipt } from "#api/needs.ts";
import { base64, hex, utf8 } from "#bytes/text.ts";
import { auditHead } from "#keys/audit/audit.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

async function withEntries(count: number): Promise<TestKeySide> {
  const keys = await testKeySide();
  for (let n = 1; n <= count; n++) await keys.as("custodian", "policy.set", { proofIntervalDays: n });
  return keys;
}

/** A receipt as the key side gives it to a vault. */
function receiptOf({ side: { store } }: TestKeySide): Receipt {
  const { id, epoch } = store.facts();
  const { seq, hash } = auditHead(store.db);
  const body = { store: id, epoch, at: "2026-01-01T00:00:00Z", auditSeq: seq, auditHash: hex(hash), copy: 0 };
  return { ...body, signature: base64(store.ring.sign("receipt", utf8(receiptText(body)))) };
}

test("the newest entries come in their order, and those before them on request", async () => {
  using keys = await withEntries(7);
  const list = async (last: number, before?: number) => {
    const { entries } = await keys.as("auditor", "audit.list", { last, before });
    return entries.map(({ seq }) => seq);
  };
  assert.deepEqual(await list(3), [5, 6, 7]);
  assert.deepEqual(await list(3, 5), [2, 3, 4]);
  assert.deepEqual(await list(3, 2), [1]);
  assert.deepEqual(await list(3, 1), []);
  assert.deepEqual(await list(100, 100), [1, 2, 3, 4, 5, 6, 7]);
});

test("an entry says who did what, to what, when, and with what", async () => {
  using keys = await withEntries(1);
  const { entries } = await keys.as("auditor", "audit.list", { last: 1 });
  const { hash: _hash, ...entry } = entries[0] ?? assert.fail();
  assert.deepEqual(entry, {
    seq: 1,
    at: "2026-01-01T00:00:00Z",
    who: "custodian",
    role: "custodian",
    act: "policy.set",
    subject: "policy",
    outcome: "done",
    detail: { proofIntervalDays: 1, approval: "one custodian only" },
  });
});

test("receipts of vaults show a log that was cut or changed behind the key side's back", async () => {
  using keys = await withEntries(5);
  const by = "a receipt in the log of web01";
  const receipts = [{ receipt: receiptOf(keys), by }];
  const whole = await keys.as("auditor", "audit.check", { receipts });
  assert.deepEqual([whole.receipts, whole.faults], [1, []]);
  keys.side.store.db.exec("DROP TRIGGER audit_is_append_only_2; DELETE FROM audit WHERE seq > 4");
  const { faults } = await keys.as("auditor", "audit.check", { receipts });
  // The first check's own entry has the number of the last one that was cut, or the log is shorter.
  assert.equal(faults.length, 1);
  assert.match(faults[0]?.what ?? "", /a receipt in the log of web01/);
});

test("a receipt of another store, or one that was not signed, counts for nothing and is named", async () => {
  using keys = await withEntries(2);
  using others = await withEntries(2);
  const own = receiptOf(keys);
  const receipts = [
    { receipt: receiptOf(others), by: "other" },
    { receipt: { ...own, auditSeq: own.auditSeq + 9 }, by: "forged" },
    { receipt: { ...own, signature: "" }, by: "unsigned" },
  ];
  const { notOurs, faults } = await keys.as("auditor", "audit.check", { receipts });
  assert.deepEqual([notOurs, faults], [["other", "forged", "unsigned"], []]);
});

test("an entry whose detail is damaged keeps nobody from reading the others, and the check names it", async () => {
  using keys = await withEntries(3);
  keys.side.store.db.exec("DROP TRIGGER audit_is_append_only_1; UPDATE audit SET detail = '{' || detail WHERE seq = 2");
  const { entries } = await keys.as("auditor", "audit.list", { last: 100 });
  assert.deepEqual(
    entries.map(({ seq, detail }) => [seq, "unreadable" in detail]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  );
  const { faults } = await keys.as("auditor", "audit.check", { receipts: [] });
  assert.deepEqual(
    faults.map(({ seq }) => seq),
    [2],
  );
});
