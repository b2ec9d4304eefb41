import assert from "node:assert/strict";
import { test } from "node:test";

import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";
import { countDerivations, matchInput, triesOf } from "#testing/keys/sample-binding.ts";
import { editedSample, sampleMaterial } from "#testing/volumes/luks1-sample.ts";

test("match finds the version that opens a volume, and says what it tried", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "db01", "wrong");
  side.pass({ seconds: 1 });
  await addPassphrase(side, "old", "cheap");
  await addPassphrase(side, "web01", "wrong too");
  const dry = await side.as("custodian", "key.match", matchInput({ dryRun: true }));
  assert.deepEqual([dry.planned.versions, dry.bound, dry.tried, triesOf(side)], [3, null, 0, 0]);
  assert.ok(dry.planned.seconds > 0);
  const { bound, tried } = await side.as("custodian", "key.match", matchInput());
  assert.deepEqual([bound?.binding.version, bound?.binding.protectorId, bound?.isNew], ["old/v1", "keyslot 3", true]);
  assert.equal(tried, 2, "web01 is named for it, old is newer than db01");
  const again = await side.as("custodian", "key.match", matchInput());
  assert.deepEqual([again.bound?.isNew, again.tried], [false, 1], "what is bound is tried first");
});

test("a version that was tried on a header is not tried there again", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "wrong");
  const derived = countDerivations(side);
  const first = await side.as("custodian", "key.match", matchInput());
  assert.deepEqual([first.bound, first.tried, first.notTried], [null, 1, []]);
  const before = derived();
  const again = await side.as("custodian", "key.match", matchInput());
  assert.deepEqual([again.planned.versions, again.tried, derived()], [0, 0, before]);
  // Another passphrase in a keyslot is another protector.
  const { offsetBytes } = sampleMaterial(3);
  const changed = await presentedOf(editedSample((bytes) => void (bytes[offsetBytes] = 1 ^ (bytes[offsetBytes] ?? 0))));
  const other = await side.as("custodian", "key.match", matchInput({ header: changed }));
  assert.equal(other.tried, 1);
});

test("match spends no more than it may, and says what it left", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "a", "wrong");
  side.pass({ seconds: 1 });
  await addPassphrase(side, "b", "wrong too");
  const { planned } = await side.as("custodian", "key.match", matchInput({ dryRun: true }));
  const maxSeconds = planned.seconds * 0.75;
  const { tried, notTried } = await side.as("custodian", "key.match", matchInput({ maxSeconds }));
  assert.equal(tried, 1);
  assert.match(notTried.join(), /^a\/v1: it may take \d+ s, and \d+ s are left$/);
});
