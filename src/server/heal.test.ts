import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, fromUtf8, utf8 } from "#bytes/text.ts";
import { findVersion, versionValue } from "#keys/versions/versions.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { bindTo, enrolSomeVault, presentedOf, prove } from "#testing/keys/presented-volume.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";

const header = await presentedOf(sampleVolume);
const other = Luks2Maker.make("other", [{ number: 0, passphrase: "sound" }]).written();

/** A key side with a damaged version, `web01/v1`, and a sound one, each bound to a volume. */
async function damaged(): Promise<TestKeySide> {
  const keySide = await testKeySide();
  enrolSomeVault(keySide);
  const version = await bindTo(keySide, sampleVolume, "keyslot 6", { kind: "passphrase", bytes: "middle" });
  await bindTo(keySide, other, "keyslot 0", { kind: "passphrase", bytes: "sound", keyName: "db01" });
  keySide.side.store.db.prepare("UPDATE versions SET value = zeroblob(60) WHERE id = ?").run(version.id);
  return keySide;
}

function heal(keySide: TestKeySide, value: string, more: { version?: string; header?: typeof header } = {}) {
  return keySide.as("custodian", "key.heal", { version: "web01/v1", value: base64(utf8(value)), header, ...more });
}

async function named(keySide: TestKeySide): Promise<readonly string[]> {
  return (await keySide.as("backup", "copy.list", {})).damaged;
}

test("a proof that needs a damaged value says that the version is unusable, and others go on", async () => {
  using keySide = await damaged();
  const { body } = await prove(keySide, sampleVolume);
  assert.deepEqual([body.verdict, body.version, body.derivedAt], ["version unusable", "web01/v1", null]);
  assert.deepEqual(await named(keySide), ["web01/v1"]);
  assert.equal((await prove(keySide, other, { volume: "2" })).body.verdict, "opens");
});

test("a proof of before is not carried over for a value that is damaged by now", async () => {
  using keySide = await damaged();
  const { store } = keySide.side;
  assert.equal((await prove(keySide, other)).body.verdict, "opens");
  const id = findVersion(store, "db01/v1").id;
  store.db.prepare("UPDATE versions SET value = zeroblob(60) WHERE id = ?").run(id);
  await keySide.as("custodian", "copy.make", { full: true }); // it looks at every value
  assert.deepEqual(await named(keySide), ["db01/v1", "web01/v1"]);
  const { body } = await prove(keySide, other);
  assert.deepEqual([body.verdict, body.carriedOver], ["version unusable", false]);
});

test("the same value puts it right: it must open a protector that the version is bound to", async () => {
  using keySide = await damaged();
  await assert.rejects(heal(keySide, "middle"), {
    code: "ARGUMENT_INVALID",
    message: "healing web01/v1: its value was not found to be damaged",
  });
  await keySide.as("custodian", "copy.make", { full: true });
  await assert.rejects(heal(keySide, "wrong"), { code: "SECRET_REJECTED" });
  await assert.rejects(heal(keySide, "cheap"), { code: "SECRET_REJECTED" }, "it opens another keyslot");
  await assert.rejects(heal(keySide, "middle", { header: await presentedOf(other) }), { code: "NOT_BOUND" });
  await assert.rejects(heal(keySide, "sound", { version: "db01/v1" }), { code: "ARGUMENT_INVALID" });
  assert.deepEqual(await named(keySide), ["web01/v1"]);
  assert.deepEqual(await heal(keySide, "middle"), { version: "web01/v1", protector: "keyslot 6" });
  using value = versionValue(keySide.side.store, findVersion(keySide.side.store, "web01/v1"));
  assert.deepEqual([fromUtf8(value.bytes), await named(keySide)], ["middle", []]);
  assert.equal((await prove(keySide, sampleVolume)).body.verdict, "opens");
  const { entries } = await keySide.as("auditor", "audit.list", { last: 50 });
  const healed = entries.find(({ act, outcome }) => act === "key.heal" && outcome === "done");
  assert.deepEqual([healed?.subject, healed?.detail], ["web01/v1", { protector: "keyslot 6" }]);
  assert.ok(!JSON.stringify(entries).includes("middle"));
});
