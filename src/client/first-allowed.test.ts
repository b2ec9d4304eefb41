import assert from "node:assert/strict";
import { test } from "node:test";

import { firstAllowed } from "#client/first-allowed.ts";
import type { KeyClient } from "#client/key-client.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

const { signal } = new AbortController();

/** Asks a key side in this process. */
function clientOf(
  keys: TestKeySide,
  role: "custodian" | "auditor",
): { role: "custodian" | "auditor"; client: KeyClient } {
  return { role, client: { call: (name, input) => keys.as(role, name, input) } };
}

test("each route is asked for as the first identity that may", async () => {
  using keys = await testKeySide();
  const [custodian, auditor] = [clientOf(keys, "custodian"), clientOf(keys, "auditor")];
  const whoAsked = async () => (await keys.as("auditor", "audit.list", { last: 1 })).entries[0]?.who;
  await firstAllowed([custodian, auditor]).call("audit.check", { receipts: [] }, signal);
  assert.equal(await whoAsked(), "custodian");
  await firstAllowed([auditor]).call("audit.check", { receipts: [] }, signal);
  assert.equal(await whoAsked(), "auditor");
  await firstAllowed([auditor, custodian]).call("policy.set", { proofIntervalDays: 2 }, signal);
  assert.equal(await whoAsked(), "custodian");
  await assert.rejects(firstAllowed([auditor]).call("policy.set", {}, signal), { code: "NOT_ALLOWED" });
});
