import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { policyNames, policySettings } from "#keys/access/policy.ts";
import { testKeySide } from "#testing/keys/key-side.ts";

test("settings have their defaults until a custodian changes them", async () => {
  using keys = await testKeySide();
  const { policy } = await keys.as("auditor", "policy.show", {});
  for (const name of policyNames) assert.equal(policy[name], policySettings[name].default);
  await keys.as("custodian", "policy.set", { proofIntervalDays: 3 });
  await keys.as("custodian", "policy.set", { proofIntervalDays: 4 });
  const changed = (await keys.as("auditor", "policy.show", {})).policy;
  assert.deepEqual(changed, { ...policy, proofIntervalDays: 4 });
  await assert.rejects(keys.as("auditor", "policy.set", { proofIntervalDays: 5 }), { code: "NOT_ALLOWED" });
});

test("a value that cannot be is refused, and nothing is changed by what comes with it", async () => {
  using keys = await testKeySide();
  const before = await keys.as("auditor", "policy.show", {});
  for (const name of policyNames) {
    const { least, most } = policySettings[name];
    for (const value of [least - 1, most + 1, least + 0.5]) {
      const set = keys.as("custodian", "policy.set", { proofIntervalDays: 3, [name]: value });
      await assert.rejects(set, { code: "ARGUMENT_INVALID" }, `${name} ${value}`);
    }
  }
  assert.deepEqual(await keys.as("auditor", "policy.show", {}), before);
});

test("docs/key-side.md has every setting with its default and range", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/key-side.md"), "utf8");
  const rows = [...page.matchAll(/^\| `(\w+)` +\|[^|]+\| (\d+) +\| (\d+) +\| (\d+) +\|$/gm)];
  const found = rows.map(([, name, ...numbers]) => [name, ...numbers.map(Number)]);
  const meant = policyNames.map((name) => {
    const { default: otherwise, least, most } = policySettings[name];
    return [name, otherwise, least, most];
  });
  assert.deepEqual(found, meant);
});
