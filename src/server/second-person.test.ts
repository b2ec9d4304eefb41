import assert from "node:assert/strict";
import { test } from "node:test";

import type { Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";
import { base64, utf8 } from "#bytes/text.ts";
import { currentKit } from "#keys/kit/kits.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

const vault = "0123456789abcdef".repeat(2);
const acts = ["key.reveal", "key.purge", "vault.retire", "identity.add", "identity.revoke"] as const;
const settings = ["policy.set", "kit.adopt", "store.removeSeal"] as const;
/** They need more than is here: a rollover under way, a store that was put back. */
const shownElsewhere = ["rollover.values", "audit.accept"]; // rollover.test.ts, put-back.test.ts

/** A key side on which each act can be done, with a second custodian, whose token it is. */
async function twoCustodians(): Promise<{ keys: TestKeySide; bob: string }> {
  const keys = await testKeySide();
  const value = { kind: "passphrase", value: base64(utf8("correct horse")), note: "" } as const;
  for (const name of ["web01", "gone"]) {
    await keys.as("custodian", "key.add", { ...value, name, activatesAt: null, expiresAt: null });
  }
  await keys.as("custodian", "key.delete", { name: "gone/v1" });
  const enrolled = { vault, name: "/backup/vault", rootCommitment: "0".repeat(64), reporter: "backup" };
  await keys.as("custodian", "vault.enrol", enrolled);
  const seal = { label: "stick", kind: "key-file", secret: base64(new Uint8Array(32).fill(7)) } as const;
  await keys.as("custodian", "store.addSeal", seal);
  const { token } = await keys.as("custodian", "identity.add", { name: "bob", role: "custodian", expiresAt: null });
  return { keys, bob: token };
}

/** Asks for each act as the first custodian. */
function asking(keys: TestKeySide): Record<(typeof acts | typeof settings)[number], () => Promise<unknown>> {
  const { recipient = "" } = currentKit(keys.side.store) ?? {};
  const kit = { id: "00000001", threshold: 1, custodians: ["bob"], recipient, vaults: [] };
  return {
    "key.reveal": () => keys.as("custodian", "key.reveal", { version: "web01/v1", reason: "the guest asks" }),
    "key.purge": () => keys.as("custodian", "key.purge", { versions: ["gone/v1"] }),
    "vault.retire": () => keys.as("custodian", "vault.retire", { vault }),
    "identity.add": () => keys.as("custodian", "identity.add", { name: "eve", role: "auditor", expiresAt: null }),
    "identity.revoke": () => keys.as("custodian", "identity.revoke", { name: "machine" }),
    "policy.set": () => keys.as("custodian", "policy.set", { proofIntervalDays: 3 }),
    "kit.adopt": () => keys.as("custodian", "kit.adopt", kit),
    "store.removeSeal": () => keys.as("custodian", "store.removeSeal", { seal: "stick" }),
  };
}

/** All that the database holds, apart from what is said of the asking itself. */
function held({ side }: TestKeySide): string {
  const { db } = side.store;
  const names = db
    .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all();
  return names
    .map(({ name }) => String(name))
    .filter((name) => !["approvals", "audit", "audit_heads", "row_sums", "changes"].includes(name))
    .map((name) => `${name} ${JSON.stringify(db.prepare(`SELECT * FROM "${name}"`).all())}`)
    .join("\n");
}

test("every act that needs a second person is tried here, or elsewhere", () => {
  const needing = Object.entries<Route>(apiRoutes).filter(([, { secondPerson }]) => secondPerson === true);
  assert.deepEqual(needing.map(([name]) => name).toSorted(), [...acts, ...settings, ...shownElsewhere].toSorted());
});

for (const name of [...acts, ...settings]) {
  test(`with two custodians, ${name} changes and shows nothing until the other one approved it, and is done once`, async () => {
    const { keys, bob } = await twoCustodians();
    using _keys = keys;
    const ask = asking(keys)[name];
    const before = held(keys);
    await assert.rejects(ask(), { code: "APPROVAL_NEEDED" });
    const [waiting] = (await keys.ask(bob, "approval.list", {})).approvals;
    assert.deepEqual([waiting?.act, waiting?.state, held(keys)], [name, "waiting", before]);
    await keys.ask(bob, "approval.approve", { approval: waiting?.id ?? "" });
    assert.equal(held(keys), before);
    await ask();
    const { entries } = await keys.as("auditor", "audit.list", { last: 100 });
    const done = entries.findLast(({ act }) => act === name);
    assert.deepEqual([done?.outcome, done?.detail["approval"]], ["done", waiting?.id]);
    const used = (await keys.ask(bob, "approval.show", { approval: waiting?.id ?? "" })).approval;
    assert.equal(used.state, "done");
  });
}
