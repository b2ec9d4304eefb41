import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, fromBase64, fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { addPlace, removePlace } from "#keys/copies/places.ts";
import { inTransaction } from "#keys/store/database.ts";
import { memoryStore } from "#store/memory.ts";
import { RolloverWorld } from "#testing/keys/rollover-world.ts";
import { interceptedStore } from "#testing/stores/intercepted-store.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";

type Shown = Awaited<ReturnType<typeof shown>>;

/** The key's versions: name, whether it is retired, and the protectors that it is bound to on the live volume. */
async function shown({ keySide }: RolloverWorld) {
  const { versions } = await keySide.as("custodian", "key.show", { name: "web01" });
  return versions.map(({ version, bindings }) => ({
    name: version.name,
    retired: version.retiredAt !== null,
    live: bindings.filter(({ retiredAt }) => retiredAt === null).map(({ protectorId }) => protectorId),
  }));
}

const before: Shown = [{ name: "web01/v1", retired: false, live: ["keyslot 0"] }];
const after: Shown = [
  { name: "web01/v1", retired: true, live: [] },
  { name: "web01/v2", retired: false, live: ["keyslot 1"] },
];

test("a rollover goes its way: made, copied, added, tried with both, the old one removed by its number", async () => {
  using world = await RolloverWorld.make();
  const { id, step, oldVersion, newVersion } = await world.begin();
  assert.deepEqual([step, oldVersion, newVersion], ["made", "web01/v1", "web01/v2"]);

  const add = await world.next(id);
  assert.deepEqual([add.rollover.step, add.rollover.slot, add.task], ["copied", 1, { do: "add", slot: 1 }]);
  assert.deepEqual(await shown(world), [...before, { name: "web01/v2", retired: false, live: [] }]);
  await world.do(id, add.task);

  const remove = await world.next(id);
  assert.deepEqual(remove.task, { do: "remove", protector: "keyslot 0", by: "new" });
  assert.equal(remove.rollover.step, "tried");
  assert.deepEqual(await shown(world), [...before, { name: "web01/v2", retired: false, live: ["keyslot 1"] }]);
  await world.do(id, remove.task);

  const end = await world.next(id);
  assert.deepEqual([end.rollover.step, end.task, end.notTried], ["removed", { do: "nothing" }, []]);
  assert.notEqual(end.rollover.endedAt, null);
  assert.deepEqual(await shown(world), after);
});

test("each request can be made again, as after a crash: there is one new version, and one keyslot for it", async () => {
  using world = await RolloverWorld.make();
  const [first, second] = [await world.begin(), await world.begin()];
  assert.equal(first.id, second.id);
  for (let step = 0; step < 3; step++) {
    const asked = [await world.next(first.id), await world.next(first.id)];
    assert.deepEqual(asked[0]?.task, asked[1]?.task);
    await world.do(first.id, asked[0]?.task ?? { do: "nothing" });
  }
  assert.deepEqual(world.slots(), [1]);
  assert.deepEqual(await shown(world), after);
});

test("nothing is to be added, and no value is given to anybody, before a durable copy has the new version", async () => {
  using world = await RolloverWorld.make();
  const { store } = world.keySide.side;
  inTransaction(store.db, () => removePlace(store, "memory"));
  const { id } = await world.begin();
  await assert.rejects(world.next(id), { code: "COPY_NOT_DURABLE" });
  await assert.rejects(world.keySide.as("custodian", "rollover.values", { rollover: id }), {
    code: "COPY_NOT_DURABLE",
  });
  inTransaction(store.db, () => addPlace(store, { place: "memory", domain: "here" }));
  assert.equal((await world.next(id)).task.do, "add");
});

test("a rollover goes on, and values are given, once each place that can be reached has the new version, not one alone", async () => {
  using world = await RolloverWorld.make();
  const { side } = world.keySide;
  const [first, second] = [memoryStore(), memoryStore()];
  let code: "STORE_FULL" | "STORE_UNAVAILABLE" = "STORE_FULL";
  const refusing = interceptedStore(second, (call, run) => {
    if (call.operation === "put") throw new LockstepError(code, "no room");
    return run();
  });
  let isWell = true;
  Object.assign(side, {
    openPlace: (place: string) => Promise.resolve(place === "memory" ? first : isWell ? second : refusing),
  });
  inTransaction(side.store.db, () => addPlace(side.store, { place: "other", domain: "there" }));
  await world.keySide.as("custodian", "copy.make", { full: false });
  isWell = false;
  const { id } = await world.begin();
  const values = () => world.keySide.as("custodian", "rollover.values", { rollover: id });
  const refused = { code: "COPY_NOT_DURABLE", message: /other: no room/ };
  for (let times = 0; times < 2; times++) {
    await assert.rejects(world.next(id), refused, "the first place has it all the same");
    await assert.rejects(values(), refused);
  }
  code = "STORE_UNAVAILABLE"; // a place that is away keeps nobody from anything
  assert.equal((await world.next(id)).task.do, "add");
  await values();
});

test("a header without room is refused before anything is made", async () => {
  using world = await RolloverWorld.make([1, 2]);
  await assert.rejects(world.begin(), { code: "KEYSLOTS_FULL" });
  assert.deepEqual(await shown(world), before);
});

test("another volume, and one whose protector was changed, are refused before any key is derived", async () => {
  using world = await RolloverWorld.make();
  const other = Luks2Maker.make("another", [{ number: 0, passphrase: "the old passphrase" }]);
  const given = { binding: world.binding.id, executor: "cryptsetup" } as const;
  const otherHeader = await world.header(other);
  await assert.rejects(world.keySide.as("custodian", "rollover.begin", { ...given, header: otherHeader }), {
    code: "HEADER_MISMATCH",
  });
  world.remove(0);
  world.volume.addKeyslot({ number: 0, passphrase: "changed by somebody" });
  await assert.rejects(world.begin(), { code: "NOT_BOUND" });
  assert.equal(world.derivations, 0);
  assert.deepEqual(await shown(world), before);
});

test("a version that is bound and does not open the volume is found before anything is made", async () => {
  using world = await RolloverWorld.make();
  const wrong = { name: "web02", kind: "passphrase", note: "", activatesAt: null, expiresAt: null } as const;
  await world.keySide.as("custodian", "key.add", { ...wrong, value: base64(utf8("another passphrase")) });
  const { db } = world.keySide.side.store;
  db.exec(
    "UPDATE bindings SET version = (SELECT versions.id FROM versions JOIN keys ON keys.id = key WHERE name = 'web02')",
  );
  await assert.rejects(world.begin(), { code: "SECRET_REJECTED" });
  const { keys } = await world.keySide.as("custodian", "key.list", {});
  assert.deepEqual(
    keys.map(({ name, count }) => [name, count]),
    [
      ["web01", 1],
      ["web02", 1],
    ],
  );
});

test("what others do to the header meanwhile stays theirs", async () => {
  using world = await RolloverWorld.make();
  const { id } = await world.begin();
  assert.deepEqual((await world.next(id)).task, { do: "add", slot: 1 });
  world.volume.addKeyslot({ number: 1, passphrase: "somebody was quicker" });
  const add = await world.next(id);
  assert.deepEqual(add.task, { do: "add", slot: 2 });
  await world.do(id, add.task);
  const remove = await world.next(id);
  assert.deepEqual(remove.task, { do: "remove", protector: "keyslot 0", by: "new" });
  await world.do(id, remove.task);
  assert.equal((await world.next(id)).rollover.step, "removed");
  assert.deepEqual(world.slots(), [1, 2]);
});

test("an old passphrase that was in the header twice is removed twice", async () => {
  using world = await RolloverWorld.make();
  const { id } = await world.begin();
  await world.do(id, (await world.next(id)).task);
  world.volume.addKeyslot({ number: 2, passphrase: "the old passphrase" });
  for (const protector of ["keyslot 0", "keyslot 2"]) {
    const { task } = await world.next(id);
    assert.deepEqual(task, { do: "remove", protector, by: "new" });
    await world.do(id, task);
  }
  assert.equal((await world.next(id)).rollover.step, "removed");
  assert.deepEqual(world.slots(), [1]);
});

test("a volume that neither version opens any more is said to be one, and nothing is noted of it", async () => {
  using world = await RolloverWorld.make([2]);
  const { id } = await world.begin();
  await world.next(id);
  world.remove(0);
  await assert.rejects(world.next(id), { code: "HEADER_MISMATCH", message: /neither web01\/v1 nor web01\/v2/ });
  assert.deepEqual((await shown(world))[0], before[0]);
});

test("it goes back: the new version is removed, and the old one opens the volume as before", async () => {
  using world = await RolloverWorld.make();
  const { id } = await world.begin();
  await world.do(id, (await world.next(id)).task);
  assert.equal((await world.next(id)).rollover.step, "tried");
  const remove = await world.next(id, "back");
  assert.deepEqual(remove.task, { do: "remove", protector: "keyslot 1", by: "old" });
  await world.do(id, remove.task);
  assert.equal((await world.next(id, "back")).rollover.step, "abandoned");
  assert.deepEqual(await shown(world), [...before, { name: "web01/v2", retired: true, live: [] }]);
  assert.deepEqual(world.slots(), [0]);
  assert.notEqual((await world.begin()).id, id);
});

test("there is no way back once the new version alone opens the volume", async () => {
  using world = await RolloverWorld.make();
  const { id } = await world.begin();
  await world.do(id, (await world.next(id)).task);
  world.remove(0);
  await assert.rejects(world.next(id, "back"), { code: "VERSION_NEEDED" });
  assert.equal((await world.next(id)).rollover.step, "removed");
});

test("given up without a look, both versions stay, and it cannot be gone on with", async () => {
  using world = await RolloverWorld.make();
  const { id } = await world.begin();
  await world.do(id, (await world.next(id)).task);
  await world.next(id);
  const given = { rollover: id, reason: "the disk is lost" };
  assert.equal((await world.keySide.as("custodian", "rollover.abandon", given)).rollover.step, "abandoned");
  const kept = [{ name: "web01/v2", retired: false, live: ["keyslot 1"] }];
  assert.deepEqual(await shown(world), [...before, ...kept]);
  await assert.rejects(world.keySide.as("custodian", "rollover.abandon", given), { code: "NOT_ALLOWED" });
  await assert.rejects(world.keySide.as("custodian", "rollover.values", { rollover: id }), { code: "NOT_ALLOWED" });
});

test("values are for a program that changes the volume, never for a person's steps, and are in no audit entry", async () => {
  using world = await RolloverWorld.make();
  const { id } = await world.begin();
  await world.next(id);
  const values = await world.keySide.as("custodian", "rollover.values", { rollover: id });
  const made = fromBase64(values.new) ?? new Uint8Array();
  assert.match(fromUtf8(made), /^([0-9a-z]{5}-){12}[0-9a-z]{5}$/i);
  const { entries } = await world.keySide.as("auditor", "audit.list", { last: 1000 });
  const said = JSON.stringify(entries);
  assert.match(said, /rollover\.values/);
  for (const secret of [fromUtf8(made), base64(made), "the old passphrase"]) assert.ok(!said.includes(secret));
  await world.begin("steps");
  await assert.rejects(world.keySide.as("custodian", "rollover.values", { rollover: id }), { code: "NOT_ALLOWED" });
});

test("with two custodians, one alone gets no values", async () => {
  using world = await RolloverWorld.make();
  await world.keySide.as("custodian", "identity.add", { name: "second", role: "custodian", expiresAt: null });
  const { id } = await world.begin();
  await world.next(id);
  await assert.rejects(world.keySide.as("custodian", "rollover.values", { rollover: id }), { code: "APPROVAL_NEEDED" });
});

test("a version that is bound to two protectors of the volume has one rollover, which replaces both", async () => {
  using world = await RolloverWorld.make();
  world.volume.addKeyslot({ number: 2, passphrase: "the old passphrase" });
  const bind = { version: "web01/v1", place: null, source: "live", volumeUuid: null } as const;
  const given = { ...bind, protector: "keyslot 2", header: await world.header() };
  const { binding } = await world.keySide.as("custodian", "key.bind", given);
  const { id } = await world.begin();
  const again = { binding: binding.id, executor: "cryptsetup", header: await world.header() } as const;
  assert.equal((await world.keySide.as("custodian", "rollover.begin", again)).rollover.id, id);
  for (let step = 0; step < 4; step++) await world.do(id, (await world.next(id)).task);
  assert.deepEqual(world.slots(), [1]);
  assert.deepEqual(await shown(world), after);
});

test("a version that opens another live volume too is not retired", async () => {
  using world = await RolloverWorld.make();
  const { store } = world.keySide.side;
  store.db
    .prepare(
      `INSERT INTO bindings SELECT 'another', version, protector, 'another volume', protector_id, protector_kind,
       volume_format, volume_uuid, machine, 'data', volume, source, bound_by, bound_ms, retired_ms FROM bindings`,
    )
    .run();
  const { id } = await world.begin();
  for (let step = 0; step < 3; step++) await world.do(id, (await world.next(id)).task);
  const [old] = await shown(world);
  assert.deepEqual([old?.retired, old?.live], [false, ["keyslot 0"]]);
});

test("a compromised version names what shares the volume key: also points and protectors of other versions", async () => {
  using world = await RolloverWorld.make();
  const { keySide, binding } = world;
  const [vault, machine] = ["aa".repeat(16), "bb".repeat(16)];
  const enrol = { vault, name: "backup", rootCommitment: "cc".repeat(32), reporter: "backup" };
  await keySide.as("custodian", "vault.enrol", enrol);
  const ofPoint = { disk: "root", volume: "disk", format: "luks2", headerDigest: "dd".repeat(32) } as const;
  const { volumeIdentity, protector } = binding;
  const other = { ...ofPoint, volumeIdentity: "ee".repeat(32), protectors: ["ff".repeat(32)] };
  const points = [
    { name: "web01@1", volumes: [{ ...ofPoint, volumeIdentity, protectors: [protector] }] },
    { name: "web01@2", volumes: [{ ...ofPoint, volumeIdentity, protectors: ["12".repeat(32)] }, other] },
    { name: "web01@3", volumes: [other] },
  ].map((point, day) => ({
    ...point,
    point: String(day).repeat(32),
    capturedAt: `2026-01-0${day + 1}T00:00:00Z`,
    expectedUntil: null,
  }));
  await keySide.as("backup", "point.report", { vault, machine, machineName: "web01", points });
  const { id } = await world.begin();
  for (let step = 0; step < 3; step++) await world.do(id, (await world.next(id)).task);

  const given = { version: "web01/v1", why: "found in a ticket" };
  const { version, volumes } = await keySide.as("custodian", "key.compromise", given);
  assert.equal(version.compromisedAt, "2026-01-01T00:00:00Z");
  const [volume, another] = volumes;
  assert.deepEqual([volume?.volumeIdentity, another], [volumeIdentity, undefined]);
  assert.deepEqual(
    volume?.live.map((each) => each.version),
    ["web01/v2"],
  );
  assert.deepEqual([volume?.pointCount, volume?.points.map(({ name }) => name)], [2, ["web01@2", "web01@1"]]);
  keySide.pass({ days: 1 });
  const again = await keySide.as("custodian", "key.compromise", { ...given, why: "and in a chat" });
  assert.equal(again.version.compromisedAt, version.compromisedAt);
});
