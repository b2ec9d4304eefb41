import assert from "node:assert/strict";
import { test } from "node:test";

import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

const eve = { name: "eve", role: "auditor", expiresAt: null } as const;

/** A key side with a second custodian, bob, and his token. */
async function twoCustodians(): Promise<{ keys: TestKeySide; bob: string }> {
  const keys = await testKeySide();
  const { token } = await keys.as("custodian", "identity.add", { name: "bob", role: "custodian", expiresAt: null });
  return { keys, bob: token };
}

/** Asks for something that needs a second person. @returns the approval that it waits for */
async function asked(asking: Promise<unknown>): Promise<string> {
  let id = "";
  await assert.rejects(asking, (error: Error & { code?: string }) => {
    id = /approval ([0-9a-f]{32})/.exec(error.message)?.[1] ?? "";
    return error.code === "APPROVAL_NEEDED" && id !== "";
  });
  return id;
}

test("one custodian needs nobody, and the audit log says so", async () => {
  using keys = await testKeySide();
  await keys.as("custodian", "identity.add", eve);
  const { entries } = await keys.as("auditor", "audit.list", { last: 1 });
  assert.deepEqual(entries[0]?.detail, { role: "auditor", expiresAt: null, approval: "one custodian only" });
});

test("with two, an act waits for the other one, and is done once when the same is asked again", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const add = () => keys.as("custodian", "identity.add", eve);
  const approval = await asked(add());
  assert.equal(await asked(add()), approval); // asking again asks for nothing else
  const shown = (await keys.ask(bob, "approval.show", { approval: approval.slice(0, 8) })).approval;
  assert.deepEqual(
    [shown.state, shown.act, shown.subject, shown.request, shown.askedBy],
    ["waiting", "identity.add", "eve", '{"expiresAt":null,"name":"eve","role":"auditor"}', "custodian"],
  );
  await keys.ask(bob, "approval.approve", { approval });
  await add();
  assert.equal((await keys.ask(bob, "approval.show", { approval })).approval.state, "done");
  const { entries } = await keys.as("auditor", "audit.list", { last: 10 });
  const lines = entries.map(({ who, act, outcome, detail }) => [
    who,
    act,
    outcome,
    detail["approval"] ?? detail["code"],
  ]);
  assert.deepEqual(lines.slice(-4), [
    ["custodian", "identity.add", "refused", "APPROVAL_NEEDED"],
    ["custodian", "identity.add", "refused", "APPROVAL_NEEDED"],
    ["bob", "approval.approve", "done", undefined],
    ["custodian", "identity.add", "done", approval],
  ]);
  const another = await asked(keys.as("custodian", "identity.revoke", { name: "eve" }));
  assert.notEqual(another, approval);
});

test("an approval is for that very act and that very asker", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const approval = await asked(keys.as("custodian", "identity.add", eve));
  await keys.ask(bob, "approval.approve", { approval });
  await asked(keys.as("custodian", "identity.add", { ...eve, role: "custodian" }));
  await asked(keys.as("custodian", "identity.add", { ...eve, expiresAt: "2027-01-01T00:00:00Z" }));
  await asked(keys.ask(bob, "identity.add", eve));
  await keys.as("custodian", "identity.add", eve);
});

test("nobody approves what he asked for himself; he may take it back", async () => {
  const { keys } = await twoCustodians();
  using _keys = keys;
  const approval = await asked(keys.as("custodian", "identity.add", eve));
  await assert.rejects(keys.as("custodian", "approval.approve", { approval }), { code: "NOT_ALLOWED" });
  assert.equal((await keys.as("custodian", "approval.reject", { approval })).approval.state, "rejected");
  assert.notEqual(await asked(keys.as("custodian", "identity.add", eve)), approval);
});

test("only a custodian approves", async () => {
  const { keys } = await twoCustodians();
  using _keys = keys;
  const approval = await asked(keys.as("custodian", "identity.add", eve));
  for (const role of ["auditor", "backup", "machine"] as const) {
    await assert.rejects(keys.as(role, "approval.approve", { approval }), { code: "NOT_ALLOWED" });
  }
});

test("what was rejected is not done, and not asked for again that day", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const add = () => keys.as("custodian", "identity.add", eve);
  const approval = await asked(add());
  await keys.ask(bob, "approval.reject", { approval });
  await assert.rejects(keys.ask(bob, "approval.approve", { approval }), {
    code: "NAME_UNKNOWN",
    message: /it is rejected/,
  });
  await assert.rejects(add(), { code: "NOT_ALLOWED", message: /bob rejected it/ });
  keys.pass({ hours: 24 });
  await asked(add());
});

test("an approval counts for 24 hours from when it was asked for", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const add = () => keys.as("custodian", "identity.add", eve);
  const first = await asked(add());
  keys.pass({ hours: 24 });
  await assert.rejects(keys.ask(bob, "approval.approve", { approval: first }), {
    code: "NAME_UNKNOWN",
    message: /it is expired/,
  });
  const second = await asked(add());
  keys.pass({ hours: 23 });
  await keys.ask(bob, "approval.approve", { approval: second });
  keys.pass({ hours: 1 });
  await asked(add());
});

test("an act that is refused although it was approved uses nothing up", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const revokeBob = () => keys.as("custodian", "identity.revoke", { name: "bob" });
  const add = () => keys.as("custodian", "identity.add", { ...eve, name: "bob" });
  const approval = await asked(add());
  await keys.ask(bob, "approval.approve", { approval });
  await assert.rejects(add(), { code: "NAME_TAKEN" });
  assert.equal((await keys.ask(bob, "approval.show", { approval })).approval.state, "approved");
  const revoking = await asked(revokeBob());
  await keys.ask(bob, "approval.approve", { approval: revoking });
  await revokeBob();
  // He who approved it is a custodian no more, and nobody else is left.
  assert.equal((await keys.as("custodian", "approval.show", { approval })).approval.state, "waiting");
});

test("an approval by somebody whose token has expired since counts no more", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const temp = { name: "temp", role: "custodian", expiresAt: "2026-01-01T12:00:00Z" } as const;
  await keys.ask(bob, "approval.approve", { approval: await asked(keys.as("custodian", "identity.add", temp)) });
  const { token } = await keys.as("custodian", "identity.add", temp);
  const add = () => keys.as("custodian", "identity.add", eve);
  const approval = await asked(add());
  await keys.ask(token, "approval.approve", { approval });
  assert.equal((await keys.ask(bob, "approval.show", { approval })).approval.state, "approved");
  keys.pass({ hours: 12 });
  assert.equal(await asked(add()), approval);
  await keys.ask(bob, "approval.approve", { approval });
  await add();
});

test("two who ask for the same at once do it once", async () => {
  const { keys, bob } = await twoCustodians();
  using _keys = keys;
  const set = () => keys.as("custodian", "policy.set", { proofIntervalDays: 3 });
  const approval = await asked(set());
  await keys.ask(bob, "approval.approve", { approval });
  const results = await Promise.allSettled([set(), set()]);
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
});
