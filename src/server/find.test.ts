import assert from "node:assert/strict";
import { test } from "node:test";

import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import { digestOf, idOf } from "#testing/keys/needs-world.ts";
import { bindInput, samplePlace } from "#testing/keys/sample-binding.ts";
import { sampleMake } from "#testing/volumes/luks1-sample.ts";

test("find takes what people see", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  await addPassphrase(side, "imported", "x", "old.csv, line 3; key ID 4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f");
  await addPassphrase(side, "db", "y");
  await side.as("custodian", "key.bind", bindInput({ place: { ...samplePlace, machine: "shop.example" } }));
  for (const [wanted, found] of [
    [sampleMake.uuid, "web01/v1"],
    [`{${sampleMake.uuid.toUpperCase()}}`, "web01/v1"],
    [sampleMake.uuid.slice(0, 8), "web01/v1"],
    ["Shop.Example", "web01/v1"],
    ["WEB01", "web01/v1"],
    ["web01/v1", "web01/v1"],
    ["web", "web01/v1"],
    ["4F2A91C0", "imported/v1"],
    ["{4F2A91C0-52D1-4B0E-9C33-0A1B2C3D4E5F}", "imported/v1"],
    ["old.csv", "imported/v1"],
    ["db", "db/v1"],
    ["shop", ""],
    ["d", ""],
    [sampleMake.uuid.slice(0, 4), "web01/v1"],
    [sampleMake.uuid.slice(0, 3), ""],
    ["%", ""],
  ] as const) {
    const { found: all } = await side.as("auditor", "key.find", { wanted });
    assert.equal(all.map(({ version }) => version.name).join(), found, wanted);
  }
  const { found } = await side.as("auditor", "key.find", { wanted: sampleMake.uuid });
  assert.deepEqual(
    found[0]?.bindings.map(({ protectorId }) => protectorId),
    ["keyslot 6"],
  );
  await assert.rejects(side.as("custodian", "key.find", { wanted: " {} " }), { code: "ARGUMENT_INVALID" });
});

test("find knows a machine by the name that its vault reports, whatever it was called when its volume was bound", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  await addPassphrase(side, "other", "x");
  const { binding } = await side.as("custodian", "key.bind", bindInput({ place: { ...samplePlace, machine: "a" } }));
  const { protector, volumeIdentity } = binding;
  const vault = idOf("vault");
  const enrolled = { vault, name: "/backup/vault", rootCommitment: digestOf("root"), reporter: "backup" };
  await side.as("custodian", "vault.enrol", enrolled);
  const called = async (machineName: string): Promise<void> => {
    const header = { volumeIdentity, headerDigest: digestOf("header"), protectors: [protector] };
    const volumes = [{ disk: "vda", volume: "2", format: "luks1", ...header } as const];
    const capturedAt = "2026-01-01T00:00:00Z";
    const points = [{ point: idOf("point"), name: machineName, capturedAt, expectedUntil: null, volumes }];
    await side.as("backup", "point.report", { vault, machine: idOf("machine"), machineName, points });
  };
  const found = async (wanted: string) => {
    const reply = await side.as("auditor", "key.find", { wanted });
    return reply.found.map(({ version }) => version.name);
  };
  assert.deepEqual(await found("shop"), []);
  await called("shop");
  assert.deepEqual(await found("Shop"), ["web01/v1"]);
  await called("store"); // it was renamed
  assert.deepEqual([await found("store"), await found("shop")], [["web01/v1"], []]);
});

test("find knows BitLocker's protectors by their key ID", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const { binding } = await side.as("custodian", "key.bind", bindInput());
  side.side.store.db
    .prepare("UPDATE bindings SET protector_id = '4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f' WHERE id = ?")
    .run(binding.id);
  const all = "4F2A91C0-52D1-4B0E-9C33-0A1B2C3D4E5F";
  const read = [
    "4F2A91C0",
    "4F2A91",
    "4f2a91c0-52D1",
    all,
    all.replaceAll("-", ""),
    "{4F2A91C0-52D1",
    "4F2A 91C0",
    "4F2A9IcO",
  ];
  for (const wanted of read) {
    assert.equal((await side.as("auditor", "key.find", { wanted })).found.length, 1, wanted);
  }
  assert.deepEqual((await side.as("auditor", "key.find", { wanted: "4F2A91C1" })).found, []);
});

test("where nothing has an ID, those are named that differ in a digit or two", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  await addPassphrase(side, "dc01", "x", "old.csv, line 3; key ID 4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f");
  await side.as("custodian", "key.bind", bindInput());
  const alike = async (wanted: string) => (await side.as("auditor", "key.find", { wanted })).alike;
  const ofNote = { id: "4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f", version: "dc01/v1" };
  for (const wanted of ["4F2A91C1", "4F2A19C0", "4f2a9lc1-52d1"])
    assert.deepEqual(await alike(wanted), [ofNote], wanted);
  const { uuid } = sampleMake;
  const [first = ""] = uuid;
  assert.deepEqual(await alike(`${first === "0" ? "1" : "0"}${uuid.slice(1)}`), [{ id: uuid, version: "web01/v1" }]);
  for (const wanted of ["4F2A0000", "4F2A91", "4F2A91C0", "web0l"]) assert.deepEqual(await alike(wanted), [], wanted);
});
