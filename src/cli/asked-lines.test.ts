import assert from "node:assert/strict";
import { test } from "node:test";

import { askedWords } from "#cli/asked-lines.ts";
import type { EncryptedVolume, Protector } from "#volume/volume.ts";

function protector(kind: Protector["kind"], id: string): Protector {
  return { id, kind, label: null, cost: null, fingerprint: "0".repeat(64), unusable: null };
}

function asked(format: EncryptedVolume["format"], protectors: readonly Protector[]): string {
  return askedWords({ format, uuid: "3f6b0f3e", protectors });
}

const recovery = protector("recovery-password", "4f2a91c0-0000-4000-8000-000000000001");

test("LUKS asks for a passphrase, by the UUID that its prompt shows", () => {
  const words = "the guest will ask for the passphrase or key of LUKS volume 3f6b0f3e";
  assert.equal(asked("luks2", [protector("passphrase", "keyslot 0")]), words);
});

test("BitLocker asks for the recovery password, by the key ID that its screen shows", () => {
  const ask = "the guest will ask for the recovery password with the key ID 4F2A91C0-0000-4000-8000-000000000001";
  assert.equal(asked("bitlocker", [protector("password", "0aa1"), recovery]), ask);
  assert.equal(
    asked("bitlocker", [protector("tpm", "0aa1"), recovery]),
    `its TPM does not open it on another machine: ${ask}`,
  );
});

test("without a recovery password BitLocker asks for what there is, and suspended for nothing", () => {
  assert.match(asked("bitlocker", [protector("password", "0aa1bb22-cc")]), /ask for password 0AA1BB22$/);
  assert.match(asked("bitlocker", [recovery, protector("clear-key", "0aa1")]), /suspended/);
});
