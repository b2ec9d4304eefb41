import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { InputOf } from "#api/routes.ts";
import { base64, fromBase64, utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { GUESSES_PER_HOUR } from "#keys/access/guess-budget.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { presentedOf } from "#testing/keys/presented.ts";
import { recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";
import { editedSample, sampleMake, sampleMaterial, sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { luks2Sample } from "#testing/volumes/luks2-sample.ts";
import { memorySource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

const place = { machine: "web01", disk: "root", volume: "disk" };
const { uuid } = sampleMake;
const header = await presentedOf(sampleVolume);
const { facts } = await readVolumeHeader(memorySource(sampleVolume), "the sample", new AbortController().signal);

/** Everything is as for a live disk of which nothing was compared, unless it is told otherwise. */
function presented(more: Partial<InputOf<"key.bind">> = {}): InputOf<"key.bind"> {
  return { version: "web01", header, place, source: "live", protector: null, volumeUuid: null, ...more };
}

function matching(more: Partial<InputOf<"key.match">> = {}): InputOf<"key.match"> {
  const { version: _, ...rest } = presented();
  return { ...rest, maxSeconds: 600, dryRun: false, ...more };
}

async function add(side: TestKeySide, name: string, passphrase: string, note = ""): Promise<void> {
  const value = base64(utf8(passphrase));
  const given = { name, kind: "passphrase", value, note, activatesAt: null, expiresAt: null } as const;
  await side.as("custodian", "key.add", given);
}

/** Counts what the key side derives. */
function derivations({ side }: TestKeySide): () => number {
  const { kdf } = side;
  let count = 0;
  const derive: typeof kdf.derive = (...given) => {
    count++;
    return kdf.derive(...given);
  };
  Object.assign(side, { kdf: { derive } });
  return () => count;
}

function tries({ side }: TestKeySide): number {
  return Number(side.store.db.prepare("SELECT count(*) AS n FROM tries").get()?.["n"]);
}

test("a version is bound to the protector that it opens, to that alone, and once", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const { binding, isNew, gone } = await side.as("custodian", "key.bind", presented());
  const slot = facts.protectors.find(({ id }) => id === "keyslot 6");
  assert.deepEqual(binding, {
    id: binding.id,
    version: "web01/v1",
    protector: slot?.fingerprint,
    protectorId: "keyslot 6",
    protectorKind: "passphrase",
    volumeIdentity: facts.identity,
    volumeFormat: "luks1",
    volumeUuid: uuid,
    place,
    source: "live",
    boundBy: "custodian",
    boundAt: "2026-01-01T00:00:00Z",
    retiredAt: null,
  });
  assert.deepEqual([isNew, gone], [true, []]);
  const again = await side.as("custodian", "key.bind", presented());
  assert.deepEqual(again, { binding, isNew: false, gone: [] });
  const { versions } = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(versions[0]?.bindings, [binding]);
});

test("a version that opens nothing is not bound; that it was tried is remembered", async () => {
  using side = await testKeySide();
  await add(side, "web01", "wrong");
  await assert.rejects(side.as("custodian", "key.bind", presented()), {
    code: "SECRET_REJECTED",
    message: /^binding web01\/v1: .*keyslot 3, keyslot 6, keyslot 1/,
  });
  assert.equal(tries(side), 3);
  const { versions } = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(versions[0]?.bindings, []);
});

test("one protector that is named is tried alone", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const derived = derivations(side);
  const bind = (protector: string) => side.as("custodian", "key.bind", presented({ protector }));
  await assert.rejects(bind("keyslot 1"), { code: "SECRET_REJECTED" });
  assert.deepEqual([derived(), tries(side)], [2, 1], "the keyslot and the digest");
  await assert.rejects(bind("keyslot 0"), { code: "HEADER_MISMATCH", message: /no protector keyslot 0/ });
  assert.equal((await bind("keyslot 6")).binding.protectorId, "keyslot 6");
});

test("another UUID than was compared is refused before anything is derived", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const derived = derivations(side);
  const volumeUuid = "00000000-8d0c-4a52-9d0c-6f1f3c1f9b11";
  for (const source of ["live", "import", "point"] as const) {
    const given = presented({ source, volumeUuid, protector: "keyslot 6" });
    await assert.rejects(side.as("custodian", "key.bind", given), { code: "HEADER_MISMATCH" });
  }
  await side.as("custodian", "key.bind", presented({ volumeUuid: uuid.toUpperCase() }));
  assert.ok(derived() > 0);
});

test("a header that costs more than is allowed is refused, and nothing is derived", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const derived = derivations(side);
  Object.assign(side.side, { costLimit: { memoryKiB: 1024, seconds: 0.0001 } });
  await assert.rejects(side.as("custodian", "key.bind", presented()), { code: "KDF_TOO_COSTLY" });
  assert.deepEqual([derived(), tries(side)], [0, 0]);
});

test("from a point, nothing is tried unless UUID and protector were compared", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const derived = derivations(side);
  for (const compared of [{}, { volumeUuid: uuid }, { protector: "keyslot 6" }] as const) {
    const given = { source: "point", ...compared } as const;
    await assert.rejects(side.as("custodian", "key.bind", presented(given)), { code: "ARGUMENT_INVALID" });
    await assert.rejects(side.as("custodian", "key.match", matching(given)), { code: "ARGUMENT_INVALID" });
  }
  assert.equal(derived(), 0);
  const given = presented({ source: "point", volumeUuid: uuid, protector: "keyslot 6" });
  const { binding } = await side.as("custodian", "key.bind", given);
  assert.equal(binding.source, "point");
  assert.equal((await side.as("custodian", "key.bind", presented())).binding.source, "live");
});

test("points are tried a few times an hour, and live disks as often as somebody asks", async () => {
  using side = await testKeySide();
  await add(side, "web01", "wrong");
  const derived = derivations(side);
  const point = { source: "point", volumeUuid: uuid, protector: "keyslot 6" } as const;
  const bind = () => side.as("custodian", "key.bind", presented(point));
  for (let guess = 0; guess < GUESSES_PER_HOUR; guess++) await assert.rejects(bind(), { code: "SECRET_REJECTED" });
  const before = derived();
  await assert.rejects(bind(), { code: "RATE_LIMITED" });
  await assert.rejects(side.as("custodian", "key.match", matching(point)), { code: "RATE_LIMITED" });
  await side.as("custodian", "key.match", matching({ ...point, dryRun: true }));
  assert.equal(derived(), before);
  await assert.rejects(side.as("custodian", "key.bind", presented()), { code: "SECRET_REJECTED" });
  side.pass({ minutes: 59 });
  await assert.rejects(bind(), { code: "RATE_LIMITED" });
  side.pass({ minutes: 1 });
  await assert.rejects(bind(), { code: "SECRET_REJECTED" });
});

test("a sealed key store tries nothing, and takes no guess", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  await side.as("custodian", "store.seal", {});
  const point = { source: "point", volumeUuid: uuid, protector: "keyslot 6" } as const;
  for (let guess = 0; guess <= GUESSES_PER_HOUR; guess++) {
    await assert.rejects(side.as("custodian", "key.bind", presented(point)), { code: "KEY_STORE_SEALED" });
    await assert.rejects(side.as("custodian", "key.match", matching(point)), { code: "KEY_STORE_SEALED" });
  }
});

test("a version that may not be used is not tried", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  await side.as("custodian", "key.set", { version: "web01/v1", enabled: false });
  const derived = derivations(side);
  await assert.rejects(side.as("custodian", "key.bind", presented()), { code: "VERSION_UNUSABLE" });
  const { planned, bound } = await side.as("custodian", "key.match", matching());
  assert.deepEqual([planned.versions, bound, derived()], [0, null, 0]);
});

test("a version that is disabled while it is tried is not bound", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const { kdf } = side.side;
  Object.assign(side.side, {
    kdf: {
      derive: async (...given: Parameters<typeof kdf.derive>) => {
        await side.as("custodian", "key.set", { version: "web01/v1", enabled: false });
        return kdf.derive(...given);
      },
    },
  });
  await assert.rejects(side.as("custodian", "key.bind", presented()), { code: "VERSION_UNUSABLE" });
  const { versions } = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(versions[0]?.bindings, []);
});

test("match finds the version that opens a volume, and says what it tried", async () => {
  using side = await testKeySide();
  await add(side, "db01", "wrong");
  side.pass({ seconds: 1 });
  await add(side, "old", "cheap");
  await add(side, "web01", "wrong too");
  const dry = await side.as("custodian", "key.match", matching({ dryRun: true }));
  assert.deepEqual([dry.planned.versions, dry.bound, dry.tried, tries(side)], [3, null, 0, 0]);
  assert.ok(dry.planned.seconds > 0);
  const { bound, tried } = await side.as("custodian", "key.match", matching());
  assert.deepEqual([bound?.binding.version, bound?.binding.protectorId, bound?.isNew], ["old/v1", "keyslot 3", true]);
  assert.equal(tried, 2, "web01 is named for it, old is newer than db01");
  const again = await side.as("custodian", "key.match", matching());
  assert.deepEqual([again.bound?.isNew, again.tried], [false, 1], "what is bound is tried first");
});

test("a version that was tried on a header is not tried there again", async () => {
  using side = await testKeySide();
  await add(side, "web01", "wrong");
  const derived = derivations(side);
  const first = await side.as("custodian", "key.match", matching());
  assert.deepEqual([first.bound, first.tried, first.notTried], [null, 1, []]);
  const before = derived();
  const again = await side.as("custodian", "key.match", matching());
  assert.deepEqual([again.planned.versions, again.tried, derived()], [0, 0, before]);
  // Another passphrase in a keyslot is another protector.
  const { offsetBytes } = sampleMaterial(3);
  const changed = await presentedOf(editedSample((bytes) => void (bytes[offsetBytes] = 1 ^ (bytes[offsetBytes] ?? 0))));
  const other = await side.as("custodian", "key.match", matching({ header: changed }));
  assert.equal(other.tried, 1);
});

test("match spends no more than it may, and says what it left", async () => {
  using side = await testKeySide();
  await add(side, "a", "wrong");
  side.pass({ seconds: 1 });
  await add(side, "b", "wrong too");
  const { planned } = await side.as("custodian", "key.match", matching({ dryRun: true }));
  const maxSeconds = planned.seconds * 0.75;
  const { tried, notTried } = await side.as("custodian", "key.match", matching({ maxSeconds }));
  assert.equal(tried, 1);
  assert.match(notTried.join(), /^a\/v1: it may take \d+ s, and \d+ s are left$/);
});

test("live headers show what is gone, and a custodian says so", async () => {
  using side = await testKeySide();
  await add(side, "web01", "first");
  await add(side, "backup", "second");
  const both = luks2Sample.copy().written();
  const header2 = await presentedOf(both);
  for (const version of ["web01", "backup"]) {
    await side.as("custodian", "key.bind", presented({ version, header: header2 }));
  }
  const less = luks2Sample.copy();
  const keyslots = less.json["keyslots"] as Record<string, unknown>;
  delete keyslots["1"];
  const digests = less.json["digests"] as { "0": { keyslots: string[] } };
  digests["0"].keyslots = ["0"];
  const { gone } = await side.as("custodian", "key.bind", presented({ header: await presentedOf(less.written()) }));
  assert.deepEqual(
    gone.map(({ version, protectorId }) => [version, protectorId]),
    [["backup/v1", "keyslot 1"]],
  );
  const [{ id } = { id: "" }] = gone;
  const retire = { binding: id, reason: "removed by hand" };
  const { binding } = await side.as("custodian", "binding.retire", retire);
  assert.equal(binding.retiredAt, "2026-01-01T00:00:00Z");
  const needs = await side.as("auditor", "version.needs", { version: "backup/v1" });
  assert.ok(!needs.needs.some(({ kind }) => kind === "live volume"));
});

test("what is no header, or cut, is refused as such", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const bind = (ranges: [number, string][]) =>
    side.as("custodian", "key.bind", presented({ header: { ...header, ranges } }));
  await assert.rejects(bind([]), { code: "VOLUME_MISSING" });
  await assert.rejects(bind([[0, base64(sampleVolume.subarray(0, 100))]]), { code: "HEADER_CORRUPT" });
  await assert.rejects(bind([[header.sizeBytes, base64(new Uint8Array(8))]]), { code: "ARGUMENT_INVALID" });
  await assert.rejects(bind([[0, "AA==="]]), { code: "ARGUMENT_INVALID" });
});

test("whatever is presented, it is bound as it was, or refused as is meant", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  Object.assign(side.side, { costLimit: { memoryKiB: 1024, seconds: 0.01 } });
  const damage = fc.tuple(fc.nat(1023), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (places) => {
      const changed = editedSample((bytes) => {
        for (const [at, to] of places) bytes[at] = to;
      });
      const ranges = header.ranges.map(([at, text]): [number, string] => {
        return [at, base64(changed.subarray(at, at + (fromBase64(text)?.length ?? 0)))];
      });
      const given = presented({ header: { ...header, ranges } });
      const bound = await side.as("custodian", "key.bind", given).catch((error: unknown) => {
        if (isLockstepError(error)) return null;
        throw error;
      });
      assert.ok(bound === null || bound.binding.protectorId === "keyslot 6");
    }),
  );
});

const numbers = [recoveryText([1, 2, 3, 4, 5, 6, 7, 8]), recoveryText([1, 2, 3, 4, 5, 6, 7, 9])] as const;

function listed(name: string, value: string, kind: "passphrase" | "recovery-password" = "passphrase") {
  return { name, kind, value: base64(utf8(value)), note: "" };
}

test("a list stores each value once, whatever it is called and however it is written", async () => {
  using side = await testKeySide();
  await add(side, "there", "known");
  const secrets = [
    listed("web01", "first"),
    listed("web01", "second"),
    listed("again", "first"),
    listed("other", "known"),
    listed("dc01", numbers[0], "recovery-password"),
    listed("dc02", numbers[0].replaceAll("-", " "), "recovery-password"),
    listed("dc03", numbers[1], "recovery-password"),
  ];
  const import_ = async () => {
    const { results } = await side.as("custodian", "key.import", { secrets });
    return results.map(({ version, isNew }) => `${version?.name} ${isNew ? "new" : "there"}`);
  };
  assert.deepEqual(await import_(), [
    "web01/v1 new",
    "web01/v2 new",
    "web01/v1 there",
    "there/v1 there",
    "dc01/v1 new",
    "dc01/v1 there",
    "dc03/v1 new",
  ]);
  assert.ok((await import_()).every((words) => words.endsWith("there")));
  const tables = side.side.store.db.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE '%hash%'").all();
  assert.ok(!tables.some(({ name }) => String(name).includes("value")), "no hash of a value is kept");
});

test("what a list has mistyped is not stored, and keeps nothing else from it", async () => {
  using side = await testKeySide();
  const mistyped = numbers[0].replace(/^0/, "1");
  const secrets = [listed("dc01", mistyped, "recovery-password"), listed("web01", "first"), listed("x", "")];
  const { results } = await side.as("custodian", "key.import", { secrets });
  assert.deepEqual(
    results.map(({ version }) => version?.name ?? null),
    [null, "web01/v1", null],
  );
  assert.match(results[0]?.failure ?? "", /group 1 is mistyped/);
  assert.ok(!(results[0]?.failure ?? "").includes(mistyped.slice(0, 6)));
  const audit = await side.as("auditor", "audit.list", { last: 10 });
  const entry = audit.entries.find(({ act }) => act === "key.import");
  assert.deepEqual(entry?.detail, { stored: 1, there: 0, refused: 2 });
});

test("a name that can be none of a key stores nothing", async () => {
  using side = await testKeySide();
  const secrets = [listed("web01", "first"), listed("a/b", "second")];
  await assert.rejects(side.as("custodian", "key.import", { secrets }), { code: "ARGUMENT_INVALID" });
  assert.deepEqual((await side.as("auditor", "key.list", {})).keys, []);
});

test("a value that is deleted is found there; one that is destroyed is not", async () => {
  using side = await testKeySide();
  await add(side, "web01", "first");
  await side.as("custodian", "key.delete", { name: "web01" });
  const secrets = [listed("web02", "first")];
  const [deleted] = (await side.as("custodian", "key.import", { secrets })).results;
  assert.deepEqual(
    [deleted?.version?.name, deleted?.isNew, deleted?.version?.deletedAt !== null],
    ["web01/v1", false, true],
  );
  side.side.store.db.exec("UPDATE versions SET destroyed_ms = 1, wrapping = NULL, value = NULL");
  const [destroyed] = (await side.as("custodian", "key.import", { secrets })).results;
  assert.deepEqual([destroyed?.version?.name, destroyed?.isNew], ["web02/v1", true]);
});

test("a value that is damaged keeps no list from being imported", async () => {
  using side = await testKeySide();
  await add(side, "web01", "first");
  side.side.store.db.exec("UPDATE versions SET value = zeroblob(40)");
  const { results } = await side.as("custodian", "key.import", { secrets: [listed("web02", "second")] });
  assert.equal(results[0]?.isNew, true);
});

test("find takes what people see", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  await add(side, "imported", "x", "old.csv, line 3; key ID 4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f");
  await add(side, "db", "y");
  await side.as("custodian", "key.bind", presented({ place: { ...place, machine: "shop.example" } }));
  for (const [wanted, found] of [
    [uuid, "web01/v1"],
    [`{${uuid.toUpperCase()}}`, "web01/v1"],
    [uuid.slice(0, 8), "web01/v1"],
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
    ["3f6b", ""],
    ["%", ""],
  ] as const) {
    const { found: all } = await side.as("auditor", "key.find", { wanted });
    assert.equal(all.map(({ version }) => version.name).join(), found, wanted);
  }
  const { found } = await side.as("auditor", "key.find", { wanted: uuid });
  assert.deepEqual(
    found[0]?.bindings.map(({ protectorId }) => protectorId),
    ["keyslot 6"],
  );
  await assert.rejects(side.as("custodian", "key.find", { wanted: " {} " }), { code: "ARGUMENT_INVALID" });
});

test("find knows BitLocker's protectors by their key ID", async () => {
  using side = await testKeySide();
  await add(side, "web01", "middle");
  const { binding } = await side.as("custodian", "key.bind", presented());
  side.side.store.db
    .prepare("UPDATE bindings SET protector_id = '4f2a91c0-52d1-4b0e-9c33-0a1b2c3d4e5f' WHERE id = ?")
    .run(binding.id);
  for (const wanted of ["4F2A91C0", "4f2a91c0-52D1", "4F2A91C0-52D1-4B0E-9C33-0A1B2C3D4E5F"]) {
    assert.equal((await side.as("auditor", "key.find", { wanted })).found.length, 1, wanted);
  }
  assert.deepEqual((await side.as("auditor", "key.find", { wanted: "4F2A91C1" })).found, []);
});

test("no answer and no audit entry has a secret, and who may not ask gets nothing", async () => {
  using side = await testKeySide();
  const secret = "a secret that must not be seen";
  const replies: unknown[] = [];
  replies.push(await side.as("custodian", "key.import", { secrets: [listed("web01", secret)] }));
  replies.push(await side.as("custodian", "key.match", matching()));
  replies.push(await side.as("custodian", "key.bind", presented()).catch((error: unknown) => String(error)));
  replies.push(await side.as("auditor", "key.find", { wanted: "web01" }));
  replies.push(await side.as("auditor", "audit.list", { last: 100 }));
  const said = JSON.stringify(replies);
  assert.ok(!said.includes(secret) && !said.includes(base64(utf8(secret))));
  for (const role of ["backup", "machine", "auditor"] as const) {
    for (const ask of [
      side.as(role, "key.bind", presented()),
      side.as(role, "key.match", matching({ dryRun: true })),
      side.as(role, "key.import", { secrets: [] }),
      side.as(role, "binding.retire", { binding: "0".repeat(32), reason: "r" }),
    ]) {
      await assert.rejects(ask, (error) => error instanceof LockstepError && error.code === "NOT_ALLOWED");
    }
  }
});
