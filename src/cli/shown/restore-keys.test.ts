import assert from "node:assert/strict";
import { test } from "node:test";

import { askedOf, releaseLines, restoredVolumes, shownVolumeKeys, volumeKeyLines } from "#cli/shown/restore-keys.ts";
import type { RestoredVolume } from "#cli/shown/restore-keys.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";
import { LogBench, must } from "#testing/vaults/log-bench.ts";
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
  return {
    disk: "root",
    volume: "2",
    format,
    uuid,
    opened,
    openedUntil: null,
    asked: askedOf({ format, uuid, protectors }),
  };
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

test("who must approve to have the key is said, and that nobody gets it while the key store is frozen", () => {
  const alone = releaseLines({ secondPerson: false, frozen: null }).join("\n");
  assert.match(alone, /no approval is needed, neither to restore nor for a custodian/);
  const second = releaseLines({ secondPerson: true, frozen: null }).join("\n");
  assert.match(second, /another one must approve: `lockstep key reveal VERSION --reason WHY`/);
  for (const secondPerson of [true, false]) {
    const frozen = releaseLines({ secondPerson, frozen: FROZEN_AFTER_RECOVERY }).join("\n");
    assert.match(frozen, /no approval is needed to restore; but nobody gets the key now/);
    assert.match(frozen, /the key store is frozen, and releases nothing: it was recovered/);
    assert.match(frozen, /`lockstep check --all` ends it/);
    assert.doesNotMatch(frozen, /key reveal/);
  }
  assert.match(releaseLines(null).join(), /no key side answers here.*`lockstep recover` brings the keys back/);
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
      openedUntil: null,
      asksFor: `the recovery password with the key ID ${keyId}`,
      keyIds: [keyId],
    },
  ]);
});

test("without the point's body the log says which version opened what and when, and until when one that does no more", async () => {
  const bench = new LogBench("body lost");
  const log = await bench.create();
  const point = await bench.point(log);
  await must(log, bench.volumesDraft(point, "a".repeat(64)));
  const said = (): string => {
    const state = log.fold.points.get(point);
    assert.ok(state !== undefined);
    return volumeKeyLines(restoredVolumes(state, null, state.disks)).join();
  };
  assert.match(
    said(),
    /^ {2}disk disk, volume 1: no key was seen to open it; what the guest will ask for is not known: /,
  );
  await must(log, bench.verdictDraft(point));
  const day = bench.now.toString().slice(0, 10);
  assert.match(said(), new RegExp(`volume 1: web01/v1 opened it on ${day}; `));
  await must(log, bench.verdictDraft(point, { verdict: "version unusable", version: null, derivedAt: null }));
  assert.match(said(), new RegExp(`volume 1: a key opened it on ${day}, and none was seen to since; `));
});
