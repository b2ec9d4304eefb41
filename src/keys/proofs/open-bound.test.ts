import assert from "node:assert/strict";
import { test } from "node:test";

import { saveBinding } from "#keys/bindings/bindings.ts";
import { boundVersions } from "#keys/proofs/open-bound.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { VersionId } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { bindTo, factsOf } from "#testing/keys/presented-volume.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import { someFacts, someProtector } from "#testing/volumes/volume-facts.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

const image = Luks2Maker.make("bound", [
  { number: 0, passphrase: "first" },
  { number: 1, passphrase: "second" },
]).written();

function bind({ side: { store } }: TestKeySide, version: VersionId, { id, fingerprint, kind }: Protector): void {
  const volume = { volumeIdentity: "i0", volumeFormat: "luks2", volumeUuid: null } as const;
  const protector = { protector: fingerprint, protectorId: id, protectorKind: kind };
  inTransaction(store.db, () =>
    saveBinding(store, { version, ...protector, ...volume, place: null, source: "live", boundBy: "custodian" }),
  );
}

function names(keySide: TestKeySide, facts: EncryptedVolume): readonly string[] {
  const bound = boundVersions(keySide.side.store, { facts, protectorsFor: () => facts.protectors });
  return bound.map(({ version, protector }) => `${versionName(version)} ${protector.id}`);
}

test("a version is bound where protector and volume identity are exactly those, and the last one comes first", async () => {
  using keySide = await testKeySide();
  await bindTo(keySide, image, "keyslot 0", { kind: "passphrase", bytes: "first" });
  keySide.pass({ hours: 1 });
  await bindTo(keySide, image, "keyslot 1", { kind: "passphrase", bytes: "second" });
  const facts = await factsOf(image);
  assert.deepEqual(names(keySide, facts), ["web01/v2 keyslot 1", "web01/v1 keyslot 0"]);
  assert.deepEqual(names(keySide, { ...facts, identity: "0".repeat(64) }), []);
  const [zero, one] = facts.protectors;
  assert.ok(zero !== undefined && one !== undefined);
  assert.deepEqual(names(keySide, { ...facts, protectors: [zero] }), ["web01/v1 keyslot 0"]);
  assert.deepEqual(names(keySide, { ...facts, protectors: [{ ...zero, fingerprint: "1".repeat(64) }] }), []);
});

test("a protector whose id another one has too is not bound: the secret would be tried on both", async () => {
  using keySide = await testKeySide();
  const { id } = await bindTo(keySide, image, "keyslot 0", { kind: "passphrase", bytes: "first" });
  const bound = someProtector({ fingerprint: "f0" });
  bind(keySide, id, bound);
  const facts = someFacts({ protectors: [bound] });
  assert.deepEqual(names(keySide, facts), ["web01/v1 keyslot 0"]);
  assert.deepEqual(names(keySide, { ...facts, protectors: [someProtector({ fingerprint: "f1" }), bound] }), []);
});

test("a LUKS2 volume in conversion is bound only where all protectors are that the version would be tried on", async () => {
  using keySide = await testKeySide();
  const { id } = await bindTo(keySide, image, "keyslot 0", { kind: "passphrase", bytes: "first" });
  const protectors = [someProtector({ fingerprint: "f0" }), someProtector({ id: "keyslot 1", fingerprint: "f1" })];
  const facts = someFacts({ state: "converting", protectors });
  bind(keySide, id, protectors[0]!);
  assert.deepEqual(names(keySide, facts), []);
  assert.deepEqual(names(keySide, { ...facts, state: "encrypted" }), ["web01/v1 keyslot 0"]);
  bind(keySide, id, protectors[1]!);
  assert.deepEqual(names(keySide, facts).toSorted(), ["web01/v1 keyslot 0", "web01/v1 keyslot 1"]);
});
