import assert from "node:assert/strict";
import { test } from "node:test";

import { testKeySide } from "#testing/keys/key-side.ts";

const kitId = "cfd032fe";

test("places are listed with what each has, and whether that is all", async () => {
  using keys = await testKeySide();
  const before = await keys.as("backup", "copy.list", {});
  assert.deepEqual([before.epoch, before.domains, before.places[0]?.complete], [1, 0, false]);
  const made = await keys.as("custodian", "copy.make", { full: false });
  assert.deepEqual(made, { written: { number: 1, kind: "full" }, places: [{ place: "memory", failure: null }] });
  const after = await keys.as("auditor", "copy.list", {});
  const [place] = after.places;
  assert.equal(after.domains, 1);
  assert.deepEqual(
    [place?.place, place?.complete, place?.copies, place?.newest?.number, place?.failure, place?.keepsSince],
    ["memory", true, 1, 1, null, null],
  );
});

test("all copies are listed, the newest first, with where they were read back", async () => {
  using keys = await testKeySide();
  assert.deepEqual(await keys.as("auditor", "copy.all", {}), { copies: [] });
  for (let times = 0; times < 2; times++) await keys.as("custodian", "copy.make", { full: true });
  const { copies } = await keys.as("auditor", "copy.all", {});
  assert.deepEqual(
    copies.map(({ epoch, number, kind, places }) => [epoch, number, kind, places]),
    [
      [1, 2, "full", ["memory"]],
      [1, 1, "full", ["memory"]],
    ],
  );
});

test("a place is added once, and removed once", async () => {
  using keys = await testKeySide();
  const other = { place: "other", domain: "elsewhere" };
  await keys.as("custodian", "place.add", other);
  await assert.rejects(keys.as("custodian", "place.add", other), { code: "NAME_TAKEN" });
  await keys.as("custodian", "place.remove", { place: "other" });
  await assert.rejects(keys.as("custodian", "place.remove", { place: "other" }), { code: "NAME_UNKNOWN" });
  await keys.as("custodian", "place.add", other);
  const { places } = await keys.as("custodian", "copy.list", {});
  assert.deepEqual(
    places.map(({ place, domain }) => [place, domain]),
    [
      ["memory", "memory"],
      ["other", "elsewhere"],
    ],
  );
});

test("a kit counts as checked only by the newest copy, and only the one in use", async () => {
  using keys = await testKeySide();
  const { kit } = await keys.as("backup", "kit.show", {});
  assert.deepEqual([kit?.id, kit?.checkedAt, kit?.stale], [kitId, null, "it was never checked: `lockstep kit check`"]);
  const checked = { id: kitId, epoch: 1, number: 1, vaults: [] };
  await assert.rejects(keys.as("custodian", "kit.checked", checked), { code: "KIT_REJECTED", message: /newest copy/ });
  await keys.as("custodian", "copy.make", { full: true });
  await assert.rejects(keys.as("custodian", "kit.checked", { ...checked, id: "00000000" }), {
    code: "KIT_REJECTED",
    message: /not the one in use, which is cfd032fe/,
  });
  const reply = await keys.as("custodian", "kit.checked", checked);
  assert.deepEqual([reply.kit.checkedAt, reply.kit.stale], ["2026-01-01T00:00:00Z", null]);
  keys.pass({ days: 366 });
  const later = await keys.as("custodian", "kit.show", {});
  assert.equal(later.kit?.stale, "it was not checked for 12 months: `lockstep kit check`");
});

test("a copy that is written while a kit is tried is none that it was to be tried on, unless it is a full one", async () => {
  using keys = await testKeySide();
  await keys.as("custodian", "copy.make", { full: true });
  await keys.as("custodian", "place.add", { place: "elsewhere", domain: "safe" });
  await keys.as("custodian", "place.remove", { place: "elsewhere" });
  const { written } = await keys.as("custodian", "copy.make", { full: false });
  assert.deepEqual(written, { number: 2, kind: "increment" });
  const checked = { id: kitId, epoch: 1, number: 1, vaults: [] };
  assert.equal((await keys.as("custodian", "kit.checked", checked)).kit.stale, null);
  await keys.as("custodian", "copy.make", { full: true });
  await assert.rejects(keys.as("custodian", "kit.checked", checked), { code: "KIT_REJECTED", message: /newest copy/ });
});

test("a vault that a kit was seen to open is one of its own from then on", async () => {
  using keys = await testKeySide();
  const [vault, unknown] = ["a".repeat(32), "c".repeat(32)];
  const enrolled = { vault, name: "main", rootCommitment: "b".repeat(64), reporter: "backup" };
  await keys.as("custodian", "vault.enrol", enrolled);
  await keys.as("custodian", "copy.make", { full: true });
  const stale = await keys.as("custodian", "kit.show", {});
  assert.match(stale.kit?.stale ?? "", /not seen to open main/);
  const checked = { id: kitId, epoch: 1, number: 1, vaults: [vault, unknown] };
  const { kit } = await keys.as("custodian", "kit.checked", checked);
  assert.deepEqual([kit.vaults, kit.stale], [[vault], null]);
});

test("a new kit takes the place of the old one, and copies are written for it", async () => {
  using keys = await testKeySide();
  await keys.as("custodian", "copy.make", { full: false });
  const { recipient } = keys.side.store.db.prepare("SELECT recipient FROM kits").get() ?? {};
  const kit = { id: "00000001", threshold: 2, custodians: ["anna", "boris"], recipient: String(recipient), vaults: [] };
  await assert.rejects(keys.as("custodian", "kit.adopt", { ...kit, threshold: 3 }), { code: "ARGUMENT_INVALID" });
  await keys.as("custodian", "kit.adopt", kit);
  for (const id of [kitId, kit.id]) {
    await assert.rejects(keys.as("custodian", "kit.adopt", { ...kit, id }), { code: "NAME_TAKEN" });
  }
  const made = await keys.as("custodian", "copy.make", { full: false });
  assert.deepEqual(made.written, { number: 2, kind: "full" });
  const { kit: shown } = await keys.as("custodian", "kit.show", {});
  assert.deepEqual([shown?.id, shown?.threshold, shown?.custodians], ["00000001", 2, ["anna", "boris"]]);
});

test("a kit is checked on each vault that it is for, or not at all", async () => {
  using keys = await testKeySide();
  const vault = "a".repeat(32);
  const enrolled = { vault, name: "main", rootCommitment: "b".repeat(64), reporter: "backup" };
  await keys.as("custodian", "vault.enrol", enrolled);
  keys.side.store.db.prepare("UPDATE kits SET vaults = ?").run(JSON.stringify([vault]));
  await keys.as("custodian", "copy.make", { full: true });
  const checked = { id: kitId, epoch: 1, number: 1, vaults: [] };
  await assert.rejects(keys.as("custodian", "kit.checked", checked), { message: /not tried on the vault main/ });
  const reply = await keys.as("custodian", "kit.checked", { ...checked, vaults: [vault] });
  assert.equal(reply.kit.stale, null);
});
