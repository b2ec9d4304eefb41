import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { statementBody, verdict } from "#api/proofs.ts";
import { base64, fromBase64 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { savePolicy } from "#keys/access/policy.ts";
import { inTransaction } from "#keys/store/database.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { bindTo, enrolSomeVault, factsOf, presentedOf, proofInput, prove } from "#testing/keys/presented-volume.ts";
import { damagedXfs, firstPassphrase, otherPoint, proving, xfsInLuks2 } from "#testing/keys/proving.ts";
import { cheapKdf, recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { makeLuks1 } from "#testing/volumes/luks1-maker.ts";
import { sampleMake } from "#testing/volumes/luks1-sample.ts";
import { contentAt } from "#testing/volumes/luks2-content.ts";

test("LUKS1 and BitLocker are proved alike", async () => {
  using keySide = await proving();
  const luks1 = makeLuks1({ ...sampleMake, plaintext: new Uint8Array(1024 * 1024) });
  await bindTo(keySide, luks1, "keyslot 3", { kind: "passphrase", bytes: "cheap", keyName: "luks1" });
  const { body } = await prove(keySide, luks1);
  assert.deepEqual([body.verdict, body.version, body.structures], ["opens", "luks1/v1", [0, 0]]);

  using bitlockerSide = await testKeySide(cheapKdf);
  enrolSomeVault(bitlockerSide);
  const shorts = [1, 2, 3, 4, 5, 6, 7, 65535];
  const guid = "11111111-2222-3333-4444-555555555555";
  const { image } = makeBitlocker({ protectors: [{ kind: "recovery-password", guid, shorts }], isWhole: true });
  await bindTo(bitlockerSide, image, guid, { kind: "recovery-password", bytes: recoveryText(shorts) });
  const found = await prove(bitlockerSide, image);
  assert.deepEqual([found.body.verdict, found.body.version], ["opens", "web01/v1"]);
});

test("a content that is wrong is damaged, and so is one that cannot be read from the vault", async () => {
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  // A bit of ciphertext changes 16 bytes of plaintext.
  const { body } = await prove(keySide, damagedXfs(2 * 64 * 4096 + 600));
  assert.deepEqual([body.verdict, body.structures], ["opens, content damaged", [16, 17]]);

  let step = await keySide.as("backup", "proof.begin", await proofInput(xfsInLuks2, { point: otherPoint, anew: true }));
  step = await keySide.as("backup", "proof.show", { proof: step.proof, pieces: step.wants.map(() => null) });
  const unreadable = statementBody.parse(JSON.parse(step.statement?.signed ?? ""));
  assert.deepEqual([unreadable.verdict, unreadable.structures], ["opens, content damaged", [0, 0]]);
  // What could not be read need not have been a file system: without one, it is right once it can be read again.
  const withoutOne = xfsInLuks2.slice();
  withoutOne.fill(0x5a, contentAt(0));
  const again = await prove(keySide, withoutOne, { point: otherPoint, anew: true });
  assert.deepEqual([again.body.verdict, again.body.structures], ["opens", [0, 0]]);
});

test("where several versions are bound, one that opens the volume is found, whatever the others are", async () => {
  using keySide = await proving();
  const { db } = keySide.side.store;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  await bindTo(keySide, xfsInLuks2, "keyslot 1", { kind: "passphrase", bytes: "wrong" });
  await bindTo(keySide, xfsInLuks2, "keyslot 1", { kind: "passphrase", bytes: "second" });
  db.prepare("UPDATE versions SET enabled = 0 WHERE number = 3").run();
  const { body } = await prove(keySide, xfsInLuks2);
  assert.deepEqual([body.verdict, body.version], ["reads", "web01/v1"]);
});

test("a version that is bound and does not open it is rejected, on its own protector alone", async () => {
  using keySide = await proving();
  const { kdf } = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 1", firstPassphrase);
  const { body } = await prove(keySide, xfsInLuks2);
  assert.deepEqual([body.verdict, body.version, body.derivedAt], ["rejected", "web01/v1", "2026-01-01T00:00:00Z"]);
  assert.equal(kdf.requests.length, 2, "one keyslot, though it would open the other");
});

test("what costs more than is allowed is not tried", async () => {
  using keySide = await proving();
  const { kdf } = keySide;
  Object.assign(keySide.side.costLimit, { seconds: 1e-9 });
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const { body } = await prove(keySide, xfsInLuks2);
  assert.deepEqual([body.verdict, body.version, body.derivedAt], ["not tried", "web01/v1", null]);
  assert.equal(kdf.requests.length, 0);
});

test("what is no header is damaged, and nothing is looked for", async () => {
  using keySide = await proving();
  const { kdf } = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const header = await presentedOf(xfsInLuks2);
  for (const ranges of [[], [[0, base64(new Uint8Array(65_536))] as [number, string]]]) {
    const { body } = await prove(keySide, xfsInLuks2, { header: { ...header, ranges } });
    assert.deepEqual([body.verdict, body.version, body.volumeIdentity], ["header damaged", null, null]);
  }
  assert.equal(kdf.requests.length, 0);
});

test("a header whose volume was cut off opens, and its content is damaged", async () => {
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const header = await presentedOf(xfsInLuks2);
  const { body } = await prove(keySide, xfsInLuks2, { header: { ...header, sizeBytes: contentAt(0) } });
  assert.deepEqual([body.verdict, body.structures], ["opens, content damaged", [0, 1]]);
});

test("a volume in a state that no real sample showed is marked so", async () => {
  const { warnings } = await factsOf(xfsInLuks2);
  assert.deepEqual(warnings, []);
  using keySide = await testKeySide(cheapKdf);
  enrolSomeVault(keySide);
  const guid = "11111111-2222-3333-4444-555555555555";
  const { image } = makeBitlocker({
    layout: "vista",
    method: 0x8001,
    protectors: [{ kind: "password", guid, password: "pw" }],
  });
  assert.ok((await factsOf(image)).warnings.some(({ code }) => code === "NOT_SHOWN_BY_SAMPLES"));
  await bindTo(keySide, image, guid, { kind: "passphrase", bytes: "pw" });
  const { body } = await prove(keySide, image);
  assert.deepEqual([body.unproven, body.version], [true, "web01/v1"]);
});

test("whatever is presented and shown, the answer is a verdict or a LockstepError", async () => {
  using keySide = await proving();
  const { store } = keySide.side;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  inTransaction(store.db, () => savePolicy(store, { proofFailuresPerDay: 10_000, proofSecondsPerDay: 86_400 }));
  const edits = fc.array(fc.tuple(fc.nat(xfsInLuks2.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 })), {
    maxLength: 6,
  });
  const { ranges } = await presentedOf(xfsInLuks2);
  const answers = async (changes: readonly [number, Uint8Array][], sizeBytes: number): Promise<void> => {
    const image = xfsInLuks2.slice();
    for (const [at, bytes] of changes) image.set(bytes.subarray(0, image.length - at), at);
    try {
      const edited = ranges.map(([at, text]): [number, string] => [
        at,
        base64(image.subarray(at, at + (fromBase64(text)?.length ?? 0))),
      ]);
      const { body } = await prove(keySide, image, {
        anew: true,
        header: { sizeBytes, sectorBytes: null, ranges: edited },
      });
      assert.ok(verdict.options.includes(body.verdict));
    } catch (error) {
      assert.ok(error instanceof LockstepError, String(error));
    }
  };
  const sizes = fc.oneof(fc.constant(xfsInLuks2.length), fc.nat(2 ** 31 - 1));
  await fc.assert(fc.asyncProperty(edits, sizes, answers), { numRuns: 40 });
});
