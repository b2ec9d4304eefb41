import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, utf8 } from "#bytes/text.ts";
import { REFUSALS_PER_MINUTE } from "#keys/access/refusal-budget.ts";
import { HEAD_EVERY } from "#keys/audit/audit-heads.ts";
import { testKeySide, testSealPassphrase } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

/** The audit log as lines of who, act, outcome and code. */
async function log(keys: TestKeySide): Promise<string[]> {
  const { entries } = await keys.as("auditor", "audit.list", { last: 1000 });
  return entries.map(({ who, act, outcome, detail }) => [who, act, outcome, detail["code"]].join(" ").trim());
}

const unseal = (text: string) => ({ kind: "passphrase", secret: base64(utf8(text)) }) as const;

test("who says not who he is may do what anybody may, and no more", async () => {
  using keys = await testKeySide();
  await keys.ask(null, "store.show", {});
  await assert.rejects(keys.ask(null, "key.list", {}), { code: "IDENTITY_REJECTED", hint: /docs\/key-roles\.md/ });
  assert.deepEqual(await log(keys), ["nobody key.list refused IDENTITY_REJECTED"]);
});

test("each act and each refusal has one entry, wherever it was refused; reads have none", async () => {
  using keys = await testKeySide();
  const add = { name: "eve", role: "auditor", expiresAt: null } as const;
  await keys.as("custodian", "key.list", {});
  await keys.as("custodian", "identity.add", add);
  await assert.rejects(keys.as("custodian", "identity.add", add), { code: "NAME_TAKEN" });
  await assert.rejects(keys.as("custodian", "identity.add", { ...add, name: "-" }), { code: "ARGUMENT_INVALID" });
  await assert.rejects(keys.as("backup", "identity.add", { ...add, name: "adam" }), { code: "NOT_ALLOWED" });
  await assert.rejects(keys.as("machine", "key.list", {}), { code: "NOT_ALLOWED" });
  assert.deepEqual(await log(keys), [
    "custodian identity.add done",
    "custodian identity.add refused NAME_TAKEN",
    "custodian identity.add refused ARGUMENT_INVALID",
    "backup identity.add refused NOT_ALLOWED",
    "machine key.list refused NOT_ALLOWED",
  ]);
});

test("a token that counts no more is refused under its name", async () => {
  using keys = await testKeySide();
  const { token } = await keys.as("custodian", "identity.add", { name: "eve", role: "auditor", expiresAt: null });
  await keys.as("custodian", "identity.revoke", { name: "eve" });
  await assert.rejects(keys.ask(token, "audit.list", { last: 1 }), { code: "IDENTITY_REJECTED" });
  assert.equal((await log(keys)).at(-1), "eve audit.list refused IDENTITY_REJECTED");
});

test("strangers do not fill the audit log, nor try passphrases faster than 20 a minute", async () => {
  using keys = await testKeySide();
  await keys.as("custodian", "store.seal", {});
  const before = (await log(keys)).length;
  for (let n = 0; n < REFUSALS_PER_MINUTE; n++) {
    await assert.rejects(keys.ask("f".repeat(64), "store.unseal", unseal("guess")), { code: "IDENTITY_REJECTED" });
  }
  for (let n = 0; n < 100; n++) {
    await assert.rejects(keys.ask(null, "store.unseal", unseal(testSealPassphrase)), { code: "RATE_LIMITED" });
  }
  assert.equal((await log(keys)).length, before + REFUSALS_PER_MINUTE);
  await keys.ask(null, "store.show", {});
  await keys.as("custodian", "store.unseal", unseal(testSealPassphrase)); // who says who he is has a budget of his own
  keys.pass({ minutes: 1 });
  await assert.rejects(keys.ask(null, "key.add", {} as never), { code: "IDENTITY_REJECTED" });
  const { entries } = await keys.as("auditor", "audit.list", { last: 1 });
  assert.deepEqual(entries[0]?.detail, { unrecordedBefore: 100, code: "IDENTITY_REJECTED" });
});

test("an identity that is refused again and again is told why each time, and fills no log", async () => {
  using keys = await testKeySide();
  for (let n = 0; n < REFUSALS_PER_MINUTE + 50; n++) {
    await assert.rejects(keys.as("backup", "identity.list", {}), { code: "NOT_ALLOWED" });
  }
  assert.equal((await log(keys)).length, REFUSALS_PER_MINUTE);
});

test("what was done is answered as done, also where no head of the audit log can be signed", async () => {
  using keys = await testKeySide();
  const { db } = keys.side.store;
  db.exec(`CREATE TABLE filler (bytes);
    CREATE TEMP TRIGGER full BEFORE INSERT ON main.audit_heads BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END;`);
  const pages = Number(db.prepare("PRAGMA page_count").get()?.["page_count"]);
  db.exec(`PRAGMA max_page_count = ${pages + 1000}`);
  for (let n = 0; n < HEAD_EVERY + 5; n++) await keys.as("custodian", "policy.set", { proofFailuresPerDay: n + 1 });
  await keys.as("auditor", "audit.list", { last: 1 });
  const heads = () => Number(db.prepare("SELECT count(*) AS n FROM audit_heads").get()?.["n"]);
  assert.equal(heads(), 0);
  db.exec("DROP TRIGGER temp.full");
  await keys.as("auditor", "audit.list", { last: 1 });
  assert.equal(heads(), 1);
});
