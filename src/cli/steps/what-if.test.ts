import assert from "node:assert/strict";
import { test } from "node:test";

import { foresee } from "#cli/steps/what-if.ts";
import type { KeyClient } from "#client/key-client.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";
import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";

test("a frozen key store refuses what takes a version from somebody, and nothing else; all reasons are said", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "correct horse battery staple");
  await side.as("custodian", "key.hold", { version: "web01/v1", reason: "tape 17", expectedUntil: null });
  const client: KeyClient = { call: (name, input) => side.as("custodian", name, input) };
  const { versions } = await client.call("key.show", { name: "web01" }, new AbortController().signal);
  const facts = versions.map(({ version }) => version);
  const refusal = async (takes: boolean, own: string | null): Promise<string | null | undefined> => {
    const foreseen = await foresee(client, facts, () => ({ takes, refusal: own }), new AbortController().signal);
    return foreseen[0]?.refusal;
  };
  assert.equal(await refusal(true, null), "custodian holds it: tape 17");
  assert.equal(await refusal(true, "it is not deleted"), "it is not deleted; custodian holds it: tape 17");
  assert.equal(await refusal(false, null), null);
  assert.equal(await refusal(false, "it was destroyed"), "it was destroyed");

  side.side.store.db.prepare("UPDATE store SET frozen = ?").run(FROZEN_AFTER_RECOVERY);
  const frozen = `the key store releases and destroys nothing: ${FROZEN_AFTER_RECOVERY}`;
  assert.equal(await refusal(true, null), `${frozen}; custodian holds it: tape 17`);
  assert.equal(await refusal(false, null), null);
});
