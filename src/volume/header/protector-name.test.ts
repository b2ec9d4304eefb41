import assert from "node:assert/strict";
import { test } from "node:test";

import { isProtectorName, protectorId, protectorName } from "#volume/header/protector-name.ts";

test("protectors have the names that people know them by: keyslots by number, BitLocker's by key id", () => {
  const id = "4f2a91c0-c4f8-4de0-bb61-fc33a831bda5";
  assert.equal(protectorName({ id: "keyslot 3", kind: "passphrase" }), "keyslot 3");
  assert.equal(protectorName({ id, kind: "recovery-password" }), "recovery password 4F2A91C0");
  assert.equal(protectorName({ id, kind: "tpm-pin-startup-key" }), "TPM, PIN and startup key 4F2A91C0");
  assert.equal(protectorName({ id, kind: "unknown" }), "a protector of an unknown kind 4F2A91C0");
});

test("a protector is known by its name, its id, and by what Windows shows of it", () => {
  const id = "4f2a91c0-c4f8-4de0-bb61-fc33a831bda5";
  const recovery = { id, kind: "recovery-password" } as const;
  for (const text of [id, "4F2A91C0", " 4f2a91c0 ", `{${id.toUpperCase()}}`, "recovery password 4F2A91C0"]) {
    assert.ok(isProtectorName(text, recovery), text);
  }
  for (const text of ["", "4f2a91c", "4f2a91c0-", "4f2a91c1", "password 4F2A91C0"]) {
    assert.ok(!isProtectorName(text, recovery), text);
  }
  assert.ok(isProtectorName("Keyslot 3", { id: "keyslot 3", kind: "passphrase" }));
  assert.ok(!isProtectorName("keyslot ", { id: "keyslot 3", kind: "passphrase" }));
});

test("a name stands for the id of the only protector that has it", () => {
  const at = (id: string) => ({ id, kind: "recovery-password" }) as const;
  const one = at("4f2a91c0-c4f8");
  const two = at("64311dea-0000");
  const twin = at("4f2a91c0-ffff");
  assert.equal(protectorId("4F2A91C0", [one, two]), one.id);
  assert.equal(protectorId("recovery password 64311DEA", [one, two, twin]), two.id);
  assert.equal(protectorId("4F2A91C0", [one, two, twin]), "4F2A91C0", "two have it");
  assert.equal(protectorId("keyslot 1", [one, two]), "keyslot 1");
});
