import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { checkAudit } from "#keys/audit/audit-check.ts";
import type { Witness } from "#keys/audit/audit-check.ts";
import { HEAD_EVERY } from "#keys/audit/audit-heads.ts";
import { appendAudit, auditHash, auditHead, loadAudit } from "#keys/audit/audit.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { itself } from "#keys/store/model.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

const { signal } = new AbortController();
const ENTRIES = 2 * HEAD_EVERY + 10;

/** A key side whose audit log has some entries, and signed heads after each `HEAD_EVERY` of them. */
async function withEntries(): Promise<TestKeySide> {
  const keys = await testKeySide();
  for (let n = 1; n <= ENTRIES; n++) await keys.as("custodian", "policy.set", { proofIntervalDays: 1 + (n % 5) });
  // As somebody could who has the database.
  keys.side.store.db.exec(`PRAGMA foreign_keys = OFF;
    DROP TRIGGER audit_is_append_only_1; DROP TRIGGER audit_is_append_only_2;
    DROP TRIGGER audit_heads_are_append_only_1; DROP TRIGGER audit_heads_are_append_only_2;`);
  return keys;
}

/** Checks the log after something was done to it, and puts it back. @returns the entries at which it is wrong */
async function faultsAfter(store: KeyStore, tamper: () => void, witnesses: readonly Witness[] = []): Promise<number[]> {
  store.db.exec("BEGIN");
  try {
    tamper();
    return (await checkAudit(store, witnesses, signal)).faults.map(({ seq }) => seq);
  } finally {
    store.db.exec("ROLLBACK");
  }
}

test("a log that was left alone is whole, and its heads are signed as it grows", async () => {
  using keys = await withEntries();
  const { store } = keys.side;
  assert.deepEqual(await checkAudit(store, [], signal), { entries: ENTRIES, heads: 2, faults: [] });
  const checked = await keys.as("auditor", "audit.check", { receipts: [] });
  assert.deepEqual(checked, { entries: ENTRIES, heads: 2, receipts: 0, notOurs: [], faults: [] });
});

test("nobody who asks the database as it is meant changes or removes an entry", async () => {
  using keys = await testKeySide();
  await keys.as("custodian", "policy.set", { proofIntervalDays: 3 });
  const { db } = keys.side.store;
  assert.throws(() => db.exec("UPDATE audit SET who = 'somebody'"), /append-only/);
  assert.throws(() => db.exec("DELETE FROM audit"), /append-only/);
});

test("any entry that was changed in any member is noticed where it is", async () => {
  using keys = await withEntries();
  const { store } = keys.side;
  const columns = ["at_ms", "who", "role", "act", "subject", "detail", "outcome"];
  const anyChange = fc.tuple(fc.integer({ min: 1, max: ENTRIES }), fc.constantFrom(...columns));
  await fc.assert(
    fc.asyncProperty(anyChange, async ([seq, column]) => {
      const value = column === "outcome" ? "'failed'" : column === "at_ms" ? "at_ms + 1" : `${column} || ' '`;
      const faults = await faultsAfter(store, () =>
        store.db.exec(`UPDATE audit SET ${column} = ${value} WHERE seq = ${seq}`),
      );
      assert.equal(faults[0], seq);
    }),
    { numRuns: 40 },
  );
});

test("any entry that was removed, and any two that changed places, are noticed", async () => {
  using keys = await withEntries();
  const { store } = keys.side;
  for (const seq of [1, 2, HEAD_EVERY, ENTRIES - 1]) {
    const faults = await faultsAfter(store, () => store.db.exec(`DELETE FROM audit WHERE seq = ${seq}`));
    assert.equal(faults[0], seq + 1);
  }
  const swapped = await faultsAfter(store, () =>
    store.db.exec(`UPDATE audit SET seq = -7 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 8;
      UPDATE audit SET seq = 8 WHERE seq = -7`),
  );
  assert.deepEqual(swapped.slice(0, 2), [7, 8]);
});

test("an end that was cut is noticed by a head that was signed after it, else by a witness outside", async () => {
  using keys = await withEntries();
  const { store } = keys.side;
  const cutTo = (seq: number) => () => store.db.exec(`DELETE FROM audit WHERE seq > ${seq}`);
  assert.deepEqual(await faultsAfter(store, cutTo(HEAD_EVERY + 1)), [2 * HEAD_EVERY]);
  const { seq, hash } = auditHead(store.db);
  const receipt = { seq, hash, by: "a receipt" };
  assert.deepEqual(await faultsAfter(store, cutTo(seq - 1)), []);
  assert.deepEqual(await faultsAfter(store, cutTo(seq - 1), [receipt]), [seq]);
});

test("a log that was written anew from some entry on is noticed by the first witness after that", async () => {
  using keys = await withEntries();
  const { store } = keys.side;
  const { seq: last, hash } = auditHead(store.db);
  const rewriteFrom = (first: number) => (): void => {
    let previous = first === 1 ? new Uint8Array(32) : (loadAudit(store.db, first - 1, 1)[0]?.hash ?? assert.fail());
    for (const entry of loadAudit(store.db, first, ENTRIES)) {
      previous = auditHash(previous, { ...entry, who: "somebody else" });
      store.db.prepare("UPDATE audit SET who = ?, hash = ? WHERE seq = ?").run("somebody else", previous, entry.seq);
    }
  };
  assert.deepEqual(await faultsAfter(store, rewriteFrom(1)), [HEAD_EVERY, 2 * HEAD_EVERY]);
  assert.deepEqual(await faultsAfter(store, rewriteFrom(HEAD_EVERY + 1)), [2 * HEAD_EVERY]);
  assert.deepEqual(await faultsAfter(store, rewriteFrom(2 * HEAD_EVERY + 1)), []);
  const receipt = { seq: last, hash, by: "a receipt" };
  assert.deepEqual(await faultsAfter(store, rewriteFrom(2 * HEAD_EVERY + 1), [receipt]), [last]);
});

test("a head that the store did not sign is noticed", async () => {
  using keys = await withEntries();
  const { store } = keys.side;
  const forged = () =>
    store.db.exec(`INSERT INTO audit_heads SELECT 7, epoch, at_ms, signature FROM audit_heads LIMIT 1`);
  assert.deepEqual(await faultsAfter(store, forged), [7]);
});

test("a log with very many faults names the first hundred", async () => {
  using keys = await testKeySide();
  const { store } = keys.side;
  for (let n = 0; n < 300; n++) appendAudit(store.db, itself, { act: "x", subject: "y" }, "done", store.deps.now());
  store.db.exec("DROP TRIGGER audit_is_append_only_1; UPDATE audit SET who = 'z'");
  assert.equal((await checkAudit(store, [], signal)).faults.length, 100);
});

test("a long log is checked without keeping others waiting, and can be stopped", async () => {
  using keys = await testKeySide();
  const stopped = new AbortController();
  appendAudit(keys.side.store.db, itself, { act: "x", subject: "y" }, "done", keys.side.store.deps.now());
  stopped.abort();
  await assert.rejects(checkAudit(keys.side.store, [], stopped.signal), { code: "CANCELLED" });
});
