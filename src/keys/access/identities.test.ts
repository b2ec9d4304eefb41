import assert from "node:assert/strict";
import { test } from "node:test";

import { testKeySide } from "#testing/keys/key-side.ts";

const lasting = { expiresAt: null } as const;

test("an identity asks with the token that was told once, and no other", async () => {
  using keys = await testKeySide();
  const { identity, token } = await keys.as("custodian", "identity.add", { name: "eve", role: "auditor", ...lasting });
  assert.match(token, /^[0-9a-f]{64}$/);
  assert.deepEqual([identity.name, identity.role, identity.revokedAt], ["eve", "auditor", null]);
  await keys.ask(token, "identity.list", {});
  for (const wrong of ["", token.slice(1), `${token}0`, token.toUpperCase(), "f".repeat(64)]) {
    await assert.rejects(keys.ask(wrong, "identity.list", {}), { code: "IDENTITY_REJECTED" }, wrong);
  }
});

test("the database has no token, but what it was hashed to", async () => {
  using keys = await testKeySide();
  const { token } = await keys.as("custodian", "identity.add", { name: "eve", role: "auditor", ...lasting });
  for (const table of ["identities", "audit", "approvals"]) {
    const rows = keys.side.store.db.prepare(`SELECT * FROM ${table}`).all();
    assert.ok(
      !JSON.stringify(rows, (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
      ).includes(token),
      table,
    );
  }
});

test("a token counts until it expires", async () => {
  using keys = await testKeySide();
  const added = await keys.as("custodian", "identity.add", {
    name: "eve",
    role: "auditor",
    expiresAt: "2026-01-02T00:00:00Z",
  });
  keys.pass({ hours: 23, minutes: 59 });
  await keys.ask(added.token, "identity.list", {});
  keys.pass({ minutes: 1 });
  await assert.rejects(keys.ask(added.token, "identity.list", {}), {
    code: "IDENTITY_REJECTED",
    message: /eve has expired/,
  });
  const late = { name: "adam", role: "auditor", expiresAt: "2026-01-02T00:00:00Z" } as const;
  await assert.rejects(keys.as("custodian", "identity.add", late), { code: "ARGUMENT_INVALID" });
});

test("a revoked identity asks no more, and its name is never used again", async () => {
  using keys = await testKeySide();
  const { token } = await keys.as("custodian", "identity.add", { name: "eve", role: "auditor", ...lasting });
  await keys.as("custodian", "identity.revoke", { name: "eve" });
  await assert.rejects(keys.ask(token, "identity.list", {}), { code: "IDENTITY_REJECTED", message: /eve was revoked/ });
  const again = keys.as("custodian", "identity.add", { name: "eve", role: "auditor", ...lasting });
  await assert.rejects(again, { code: "NAME_TAKEN" });
  await assert.rejects(keys.as("custodian", "identity.revoke", { name: "adam" }), { code: "NAME_UNKNOWN" });
});

test("the last custodian whose token lasts is not revoked", async () => {
  using keys = await testKeySide();
  const revoke = () => keys.as("custodian", "identity.revoke", { name: "custodian" });
  await assert.rejects(revoke(), { code: "CUSTODIAN_LAST" });
  const other = { name: "bob", role: "custodian", expiresAt: "2026-01-08T00:00:00Z" } as const;
  await keys.as("custodian", "identity.add", other);
  keys.pass({ days: 8 }); // bob is custodian no more, so nobody else need approve
  await assert.rejects(revoke(), { code: "CUSTODIAN_LAST" });
  await keys.as("custodian", "identity.list", {});
});

test("names are such as a table and a log can show", async () => {
  using keys = await testKeySide();
  for (const name of ["", "-a", "a b", "a\nb", "a/b", "x".repeat(129)]) {
    const added = keys.as("custodian", "identity.add", { name, role: "auditor", ...lasting });
    await assert.rejects(added, { code: "ARGUMENT_INVALID" }, name);
  }
});
