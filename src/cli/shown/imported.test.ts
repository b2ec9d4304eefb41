import assert from "node:assert/strict";
import { test } from "node:test";

import type { BindingFacts } from "#api/values.ts";
import { Secret } from "#bytes/secret.ts";
import { importLines, isImportWhole } from "#cli/shown/imported.ts";
import { LockstepError } from "#errors/errors.ts";
import type { ImportedVolume } from "#ops/keys/import-keys.ts";
import type { DiskOutlook } from "#ops/keys/match-disk.ts";
import type { StoredSecret } from "#ops/keys/store-secrets.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";
import { someFacts, someProtector } from "#testing/volumes/volume-facts.ts";

const binding: BindingFacts = {
  id: "1".repeat(32),
  version: "web01/v1",
  protector: "2".repeat(64),
  protectorId: "keyslot 0",
  protectorKind: "passphrase",
  volumeIdentity: "3".repeat(64),
  volumeFormat: "luks2",
  volumeUuid: null,
  place: { machine: "web01", disk: "root", volume: "disk" },
  source: "import",
  boundBy: "ann",
  boundAt: "2026-01-01T00:00:00Z",
  retiredAt: null,
};

function volume(more: Partial<ImportedVolume> = {}): ImportedVolume {
  return {
    path: "web01.raw",
    place: { machine: "web01", disk: "web01", volume: "disk" },
    facts: someFacts(),
    opened: [],
    notTried: [],
    bindings: [],
    known: [],
    gone: [],
    failures: [],
    ...more,
  };
}

function secret(line: number, result: Partial<StoredSecret>): readonly [ImportableSecret, StoredSecret] {
  const value = { kind: "passphrase", secret: new Secret(new Uint8Array()) } as const;
  const listed = { line, name: "", secret: value, note: "", from: "old.csv", keyId: null, computer: null };
  return [listed, { version: null, isNew: false, failure: null, ...result }];
}

function lines(
  volumes: readonly ImportedVolume[],
  secrets: readonly (readonly [ImportableSecret, StoredSecret])[] = [],
) {
  return importLines({ secrets: new Map(secrets), volumes }, []).map((line) => line.replaceAll(/ {2,}/g, "  "));
}

const isWhole = (volumes: readonly ImportedVolume[], disks: readonly DiskOutlook[] = []): boolean =>
  isImportWhole({ secrets: new Map(), volumes }, disks);

test("a volume has what was bound now, what was bound before, no key, or needs none", () => {
  const clear = someFacts({ protectors: [someProtector({ kind: "clear-key", id: "c" })] });
  const recovery = someProtector({ kind: "recovery-password", id: "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f" });
  const all = [
    volume({ bindings: [binding, { ...binding, protectorId: "keyslot 1" }] }),
    volume({ known: [binding] }),
    volume({ facts: clear }),
    volume({ facts: someFacts({ protectors: [recovery] }), place: { machine: "a", disk: "b", volume: "3" } }),
  ];
  assert.deepEqual(lines(all), [
    "DISK  VOLUME  WHAT  KEY",
    "web01.raw  LUKS2 aes-xts-plain64  web01/v1 (keyslot 0), web01/v1 (keyslot 1)",
    "web01.raw  LUKS2 aes-xts-plain64  web01/v1 (keyslot 0), as was known",
    "web01.raw  LUKS2 aes-xts-plain64  opens without a key: clear key",
    "web01.raw  3  LUKS2 aes-xts-plain64  NO KEY: it has the recovery password 4F2A91C0",
    "0 keys stored, 1 volume matched, 1 bound before, 1 volume without a key",
    "What opens it may be stored already, or is to be added: lockstep key match DISK, lockstep key add NAME",
  ]);
  assert.deepEqual(
    all.map((each) => isWhole([each])),
    [true, true, true, false],
  );
});

test("what could not be stored, bound, tried or looked at is said", () => {
  const failing = volume({
    bindings: [binding],
    gone: [binding],
    failures: ["it was deleted"],
    notTried: ["line 3: x"],
  });
  assert.deepEqual(lines([failing], [secret(2, { failure: "it is empty" }), secret(3, { isNew: true })]).slice(2), [
    `  web01/v1 is bound to keyslot 0 of web01, disk root, which is gone: lockstep key unbind ${binding.id} --reason "…"`,
    "not stored: old.csv, line 2: it is empty",
    "web01.raw disk: not bound: it was deleted",
    "web01.raw disk: not tried: line 3: x",
    "1 key stored, 1 volume matched, 0 volumes without a key",
  ]);
  assert.equal(isWhole([failing]), false);
  const failure = new LockstepError("DISK_MISSING", "it is not there");
  const disk = { disk: { path: "x.raw", machine: "x", disk: "x" }, failure, volumes: [], trials: 0, seconds: 0 };
  assert.equal(isWhole([], [disk]), false);
  assert.match(
    importLines({ secrets: new Map(), volumes: [] }, [disk]).join("\n"),
    /x\.raw +not looked at: it is not there/,
  );
});

test("where nothing is encrypted, that is said", () => {
  assert.equal(lines([])[0], "There are no encrypted volumes there.");
});
