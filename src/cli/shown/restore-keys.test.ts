import assert from "node:assert/strict";
import { test } from "node:test";

import { askedOf, shownVolumeKeys, volumeKeyLines } from "#cli/shown/restore-keys.ts";
import type { RestoredVolume } from "#cli/shown/restore-keys.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

function protector(kind: Protector["kind"], id: string): Protector {
  return { id, kind, label: null, cost: null, fingerprint: "0".repeat(64), unusable: null };
}

const recovery = protector("recovery-password", "4f2a91c0-0000-4000-8000-000000000001");
const keyId = "4F2A91C0-0000-4000-8000-000000000001";

function restored(
  format: EncryptedVolume["format"],
  protectors: readonly Protector[],
  opened: RestoredVolume["opened"] = null,
): RestoredVolume {
  const uuid = "3f6b0f3e";
  return { disk: "root", volume: "2", format, uuid, opened, asked: askedOf({ format, uuid, protectors }) };
}

const asked = (...given: Parameters<typeof restored>): string => volumeKeyLines([restored(...given)]).join();

test("a volume is said with the key version that opened it and when, and that none did where none did", () => {
  const luks = [protector("passphrase", "keyslot 0")];
  const ask = "the guest will ask for the passphrase or key of LUKS volume 3f6b0f3e";
  assert.equal(asked("luks2", luks), `  disk root, volume 2: no key was seen to open it; ${ask}`);
  const opened = { version: "web01/v1", at: "2026-11-23T14:05:00Z" };
  assert.equal(asked("luks2", luks, opened), `  disk root, volume 2: web01/v1 opened it on 2026-11-23; ${ask}`);
});

test("BitLocker asks for the recovery password, by the key ID that its screen shows", () => {
  const ask = `the guest will ask for the recovery password with the key ID ${keyId}`;
  const both = [protector("password", "0aa1"), recovery];
  assert.ok(asked("bitlocker", both).endsWith(`; ${ask}`));
  const tpm = asked("bitlocker", [protector("tpm", "0aa1"), recovery]);
  assert.ok(tpm.endsWith(`; its TPM does not open it on another machine: ${ask}`));
});

test("without a recovery password BitLocker asks for what there is, and suspended for nothing", () => {
  assert.match(asked("bitlocker", [protector("password", "0aa1bb22-cc")]), /ask for password 0AA1BB22$/);
  assert.match(asked("bitlocker", [recovery, protector("clear-key", "0aa1")]), /suspended: .* ask for nothing$/);
});

test("JSON has what the lines say", () => {
  const opened = { version: "dc01/v2", at: "2026-11-23T14:05:00Z" };
  assert.deepEqual(shownVolumeKeys([restored("bitlocker", [recovery], opened)]), [
    {
      disk: "root",
      volume: "2",
      format: "bitlocker",
      uuid: "3f6b0f3e",
      openedWith: "dc01/v2",
      openedAt: "2026-11-23T14:05:00Z",
      asksFor: `the recovery password with the key ID ${keyId}`,
      keyIds: [keyId],
    },
  ]);
});
