import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { base64, fromBase64, utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { GUESSES_PER_HOUR } from "#keys/access/guess-budget.ts";
import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import { factsOf, presentedOf } from "#testing/keys/presented-volume.ts";
import {
  bindInput,
  countDerivations,
  listedSecret,
  matchInput,
  sampleHeader,
  samplePlace,
  triesOf,
} from "#testing/keys/sample-binding.ts";
import { editedSample, sampleMake, sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { luks2Sample } from "#testing/volumes/luks2-sample.ts";

/** A header of a point, of which the custodian compared UUID and protector. */
const comparedPoint = { source: "point", volumeUuid: sampleMake.uuid, protector: "keyslot 6" } as const;

test("a version is bound to the protector that it opens, to that alone, and once", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const { binding, isNew, gone } = await side.as("custodian", "key.bind", bindInput());
  const facts = await factsOf(sampleVolume);
  const slot = facts.protectors.find(({ id }) => id === "keyslot 6");
  assert.deepEqual(binding, {
    id: binding.id,
    version: "web01/v1",
    protector: slot?.fingerprint,
    protectorId: "keyslot 6",
    protectorKind: "passphrase",
    volumeIdentity: facts.identity,
    volumeFormat: "luks1",
    volumeUuid: sampleMake.uuid,
    place: samplePlace,
    source: "live",
    boundBy: "custodian",
    boundAt: "2026-01-01T00:00:00Z",
    retiredAt: null,
  });
  assert.deepEqual([isNew, gone], [true, []]);
  const again = await side.as("custodian", "key.bind", bindInput());
  assert.deepEqual(again, { binding, isNew: false, gone: [] });
  const { versions } = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(versions[0]?.bindings, [binding]);
});

test("a version that opens nothing is not bound; that it was tried is remembered", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "wrong");
  await assert.rejects(side.as("custodian", "key.bind", bindInput()), {
    code: "SECRET_REJECTED",
    message: /^binding web01\/v1: .*keyslot 3, keyslot 6, keyslot 1/,
  });
  assert.equal(triesOf(side), 3);
  const { versions } = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(versions[0]?.bindings, []);
});

test("one protector that is named is tried alone", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const derived = countDerivations(side);
  const bind = (protector: string) => side.as("custodian", "key.bind", bindInput({ protector }));
  await assert.rejects(bind("keyslot 1"), { code: "SECRET_REJECTED" });
  assert.deepEqual([derived(), triesOf(side)], [2, 1], "the keyslot and the digest");
  await assert.rejects(bind("keyslot 0"), { code: "HEADER_MISMATCH", message: /no protector keyslot 0/ });
  assert.equal((await bind("keyslot 6")).binding.protectorId, "keyslot 6");
});

test("another UUID than was compared is refused before anything is derived", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const derived = countDerivations(side);
  const volumeUuid = "00000000-8d0c-4a52-9d0c-6f1f3c1f9b11";
  for (const source of ["live", "import", "point"] as const) {
    const given = bindInput({ source, volumeUuid, protector: "keyslot 6" });
    await assert.rejects(side.as("custodian", "key.bind", given), { code: "HEADER_MISMATCH" });
  }
  await side.as("custodian", "key.bind", bindInput({ volumeUuid: sampleMake.uuid.toUpperCase() }));
  assert.ok(derived() > 0);
});

test("a header that costs more than is allowed is refused, and nothing is derived", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const derived = countDerivations(side);
  Object.assign(side.side, { costLimit: { memoryKiB: 1024, seconds: 0.0001 } });
  await assert.rejects(side.as("custodian", "key.bind", bindInput()), { code: "KDF_TOO_COSTLY" });
  assert.deepEqual([derived(), triesOf(side)], [0, 0]);
});

test("from a point, nothing is tried unless UUID and protector were compared", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const derived = countDerivations(side);
  for (const compared of [{}, { volumeUuid: sampleMake.uuid }, { protector: "keyslot 6" }] as const) {
    const given = { source: "point", ...compared } as const;
    await assert.rejects(side.as("custodian", "key.bind", bindInput(given)), { code: "ARGUMENT_INVALID" });
    await assert.rejects(side.as("custodian", "key.match", matchInput(given)), { code: "ARGUMENT_INVALID" });
  }
  assert.equal(derived(), 0);
  const { binding } = await side.as("custodian", "key.bind", bindInput(comparedPoint));
  assert.equal(binding.source, "point");
  assert.equal((await side.as("custodian", "key.bind", bindInput())).binding.source, "live");
});

test("points are tried a few times an hour, and live disks as often as somebody asks", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "wrong");
  const derived = countDerivations(side);
  const bind = () => side.as("custodian", "key.bind", bindInput(comparedPoint));
  for (let guess = 0; guess < GUESSES_PER_HOUR; guess++) await assert.rejects(bind(), { code: "SECRET_REJECTED" });
  const before = derived();
  await assert.rejects(bind(), { code: "RATE_LIMITED" });
  await assert.rejects(side.as("custodian", "key.match", matchInput(comparedPoint)), { code: "RATE_LIMITED" });
  await side.as("custodian", "key.match", matchInput({ ...comparedPoint, dryRun: true }));
  assert.equal(derived(), before);
  await assert.rejects(side.as("custodian", "key.bind", bindInput()), { code: "SECRET_REJECTED" });
  side.pass({ minutes: 59 });
  await assert.rejects(bind(), { code: "RATE_LIMITED" });
  side.pass({ minutes: 1 });
  await assert.rejects(bind(), { code: "SECRET_REJECTED" });
});

test("a sealed key store tries nothing, and takes no guess", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  await side.as("custodian", "store.seal", {});
  for (let guess = 0; guess <= GUESSES_PER_HOUR; guess++) {
    await assert.rejects(side.as("custodian", "key.bind", bindInput(comparedPoint)), { code: "KEY_STORE_SEALED" });
    await assert.rejects(side.as("custodian", "key.match", matchInput(comparedPoint)), { code: "KEY_STORE_SEALED" });
  }
});

test("a version that may not be used is not tried", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  await side.as("custodian", "key.set", { version: "web01/v1", enabled: false });
  const derived = countDerivations(side);
  await assert.rejects(side.as("custodian", "key.bind", bindInput()), { code: "VERSION_UNUSABLE" });
  const { planned, bound } = await side.as("custodian", "key.match", matchInput());
  assert.deepEqual([planned.versions, bound, derived()], [0, null, 0]);
});

test("a version that is disabled while it is tried is not bound", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  const { kdf } = side.side;
  Object.assign(side.side, {
    kdf: {
      derive: async (...given: Parameters<typeof kdf.derive>) => {
        await side.as("custodian", "key.set", { version: "web01/v1", enabled: false });
        return kdf.derive(...given);
      },
    },
  });
  await assert.rejects(side.as("custodian", "key.bind", bindInput()), { code: "VERSION_UNUSABLE" });
  const { versions } = await side.as("auditor", "key.show", { name: "web01" });
  assert.deepEqual(versions[0]?.bindings, []);
});

test("live headers show what is gone, and a custodian says so", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "first");
  await addPassphrase(side, "backup", "second");
  const both = luks2Sample.copy().written();
  const header2 = await presentedOf(both);
  for (const version of ["web01", "backup"]) {
    await side.as("custodian", "key.bind", bindInput({ version, header: header2 }));
  }
  const less = luks2Sample.copy();
  const keyslots = less.json["keyslots"] as Record<string, unknown>;
  delete keyslots["1"];
  const digests = less.json["digests"] as { "0": { keyslots: string[] } };
  digests["0"].keyslots = ["0"];
  const { gone } = await side.as("custodian", "key.bind", bindInput({ header: await presentedOf(less.written()) }));
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
  await addPassphrase(side, "web01", "middle");
  const bind = (ranges: [number, string][]) =>
    side.as("custodian", "key.bind", bindInput({ header: { ...sampleHeader, ranges } }));
  await assert.rejects(bind([]), { code: "VOLUME_MISSING" });
  await assert.rejects(bind([[0, base64(sampleVolume.subarray(0, 100))]]), { code: "HEADER_CORRUPT" });
  await assert.rejects(bind([[sampleHeader.sizeBytes, base64(new Uint8Array(8))]]), { code: "ARGUMENT_INVALID" });
  await assert.rejects(bind([[0, "AA==="]]), { code: "ARGUMENT_INVALID" });
});

test("whatever is presented, it is bound as it was, or refused as is meant", async () => {
  using side = await testKeySide();
  await addPassphrase(side, "web01", "middle");
  Object.assign(side.side, { costLimit: { memoryKiB: 1024, seconds: 0.01 } });
  const damage = fc.tuple(fc.nat(1023), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (places) => {
      const changed = editedSample((bytes) => {
        for (const [at, to] of places) bytes[at] = to;
      });
      const ranges = sampleHeader.ranges.map(([at, text]): [number, string] => {
        return [at, base64(changed.subarray(at, at + (fromBase64(text)?.length ?? 0)))];
      });
      const given = bindInput({ header: { ...sampleHeader, ranges } });
      const bound = await side.as("custodian", "key.bind", given).catch((error: unknown) => {
        if (isLockstepError(error)) return null;
        throw error;
      });
      assert.ok(bound === null || bound.binding.protectorId === "keyslot 6");
    }),
  );
});

test("no answer and no audit entry has a secret, and who may not ask gets nothing", async () => {
  using side = await testKeySide();
  const secret = "a secret that must not be seen";
  const replies: unknown[] = [];
  replies.push(await side.as("custodian", "key.import", { secrets: [listedSecret("web01", secret)] }));
  replies.push(await side.as("custodian", "key.match", matchInput()));
  replies.push(await side.as("custodian", "key.bind", bindInput()).catch((error: unknown) => String(error)));
  replies.push(await side.as("auditor", "key.find", { wanted: "web01" }));
  replies.push(await side.as("auditor", "audit.list", { last: 100 }));
  const said = JSON.stringify(replies);
  assert.ok(!said.includes(secret) && !said.includes(base64(utf8(secret))));
  for (const role of ["backup", "machine", "auditor"] as const) {
    for (const ask of [
      side.as(role, "key.bind", bindInput()),
      side.as(role, "key.match", matchInput({ dryRun: true })),
      side.as(role, "key.import", { secrets: [] }),
      side.as(role, "binding.retire", { binding: "0".repeat(32), reason: "r" }),
    ]) {
      await assert.rejects(ask, (error) => error instanceof LockstepError && error.code === "NOT_ALLOWED");
    }
  }
});
