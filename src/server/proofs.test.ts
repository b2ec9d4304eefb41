import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { statementBody, verdict } from "#api/proofs.ts";
import type { Verdict as ApiVerdict } from "#api/proofs.ts";
import { Secret } from "#bytes/secret.ts";
import { base64, fromBase64, utf8 } from "#bytes/text.ts";
import { systemRandom } from "#crypto/derive.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { LockstepError } from "#errors/errors.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { savePolicy } from "#keys/access/policy.ts";
import { PresentedBytes } from "#keys/proofs/presented-bytes.ts";
import type { Verdict } from "#keys/proofs/proof-statement.ts";
import { inTransaction } from "#keys/store/database.ts";
import { signedBytes } from "#keys/store/key-ring.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import {
  bindTo,
  enrolSomeVault,
  factsOf,
  presented,
  proofInput,
  prove,
  someMachine,
  somePoint,
  someVault,
} from "#testing/keys/presented-volume.ts";
import { cheapKdf, recoveryText } from "#testing/volumes/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { makeLuks1 } from "#testing/volumes/luks1-maker.ts";
import { sampleMake } from "#testing/volumes/luks1-sample.ts";
import { contentAt, luks2With } from "#testing/volumes/luks2-content.ts";
import { put } from "#testing/volumes/luks2-maker.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import { xfsPieces } from "#testing/volumes/structure-maker.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

const MIB = 1024 * 1024;
const otherPoint = "dd".repeat(16);

/** XFS in LUKS2, with a keyslot for "first" and one for "second". Not to be changed. */
const xfsInLuks2 = luks2With(
  "XFS in LUKS2",
  [
    { number: 0, passphrase: "first" },
    { number: 1, passphrase: "second" },
  ],
  xfsPieces(),
  MIB,
).volume;

/** The same volume with a bit of its content changed. */
function damaged(offsetBytes: number): Uint8Array {
  const at = contentAt(offsetBytes);
  return xfsInLuks2.with(at, (xfsInLuks2[at] ?? 0) ^ 1);
}

/** A key side that knows a vault and derives in this process, and remembers what it derived. */
async function proving(): Promise<{ test: TestKeySide; kdf: Pbkdf2Deriver }> {
  const kdf = new Pbkdf2Deriver();
  const made = await testKeySide(kdf);
  enrolSomeVault(made);
  return { test: made, kdf };
}

const first = { kind: "passphrase", bytes: "first" } as const;

test("a volume that a bound version opens, and whose file system is right, reads; the statement says all of it", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const { body, statement, shown } = await prove(keySide, xfsInLuks2);
  const { identity, headerDigest } = await factsOf(xfsInLuks2);
  const bytes = new PresentedBytes();
  for (const [offsetBytes, text] of (await presented(xfsInLuks2)).ranges) {
    bytes.add({ offsetBytes, bytes: fromBase64(text) ?? assert.fail() });
  }
  for (const piece of shown) bytes.add(piece);
  const { id, signingPublic } = keySide.side.store.facts();
  assert.deepEqual(body, {
    format: 1,
    store: id,
    epoch: 1,
    vault: someVault,
    machine: someMachine,
    point: somePoint,
    disk: "disk0",
    volume: "1",
    verdict: "reads",
    version: "web01/v1",
    at: "2026-01-01T00:00:00Z",
    derivedAt: "2026-01-01T00:00:00Z",
    carriedOver: false,
    volumeIdentity: identity,
    headerDigest,
    presented: bytes.digest(),
    structures: [17, 17],
    unproven: false,
  });
  const signature = fromBase64(statement.signature) ?? assert.fail();
  assert.ok(isSignedBy(signingPublic, signedBytes("proof", utf8(statement.signed)), signature));
  assert.ok(!isSignedBy(signingPublic, signedBytes("receipt", utf8(statement.signed)), signature));
  assert.deepEqual(
    kdf.requests.map(({ kind }) => kind),
    ["pbkdf2", "pbkdf2"],
    "the keyslot, and the digest",
  );
  assert.ok(
    [...kdf.given, ...kdf.tried].every((secret) => secret.bytes.every((byte) => byte === 0)),
    "wiped",
  );
});

test("what is wanted is whole sectors of the content, never of the header, in few rounds", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const { shown } = await prove(keySide, xfsInLuks2);
  for (const { offsetBytes, bytes } of shown) {
    assert.ok(offsetBytes >= contentAt(0));
    assert.deepEqual([offsetBytes % 4096, bytes.length % 4096], [0, 0]);
  }
  assert.ok(shown.length < 12, String(shown.length));
});

test("the latest statement on each volume is kept, listed to those who may, and goes with its point", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const { db } = keySide.side.store;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  await prove(keySide, xfsInLuks2);
  const later = await prove(keySide, xfsInLuks2, { anew: true });
  const other = await prove(keySide, xfsInLuks2, { point: otherPoint });
  const input = { vault: someVault, machine: someMachine };
  for (const role of ["backup", "custodian", "auditor"] as const) {
    const { statements } = await keySide.as(role, "proof.list", input);
    assert.deepEqual(statements, [later.statement, other.statement], role);
  }
  await assert.rejects(keySide.as("machine", "proof.list", input), { code: "NOT_ALLOWED" });
  await assert.rejects(keySide.as("backup", "proof.list", { ...input, vault: otherPoint }), { code: "NAME_UNKNOWN" });

  const point = {
    point: somePoint,
    name: "web01@x",
    capturedAt: "2026-01-01T00:00:00Z",
    expectedUntil: null,
    volumes: [],
  };
  await keySide.as("backup", "point.report", { ...input, machineName: "web01", points: [point] });
  db.prepare("DELETE FROM points WHERE point = ?").run(somePoint);
  assert.deepEqual((await keySide.as("auditor", "proof.list", input)).statements, [other.statement]);
});

test("each proof is one entry of the audit log, and no secret is in it", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  await prove(keySide, xfsInLuks2);
  const entries = keySide.side.store.db.prepare("SELECT act, subject, outcome, detail FROM audit").all();
  const subject = `vault ${someVault}, machine ${someMachine}, point ${somePoint}, disk disk0, volume 1`;
  const detail = JSON.stringify({ verdict: "reads", version: "web01/v1", carriedOver: false });
  assert.deepEqual(
    entries.map((row) => ({ ...row })),
    [{ act: "proof.begin", subject, outcome: "done", detail }],
  );
});

test("LUKS1 and BitLocker are proved alike", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const luks1 = makeLuks1({ ...sampleMake, plaintext: new Uint8Array(MIB) });
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
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  // A bit of ciphertext changes 16 bytes of plaintext.
  const { body } = await prove(keySide, damaged(2 * 64 * 4096 + 600));
  assert.deepEqual([body.verdict, body.structures], ["opens, content damaged", [16, 17]]);

  let step = await keySide.as("backup", "proof.begin", await proofInput(xfsInLuks2, { point: otherPoint, anew: true }));
  step = await keySide.as("backup", "proof.show", { proof: step.proof, pieces: step.wants.map(() => null) });
  const unreadable = statementBody.parse(JSON.parse(step.statement?.signed ?? ""));
  assert.deepEqual([unreadable.verdict, unreadable.structures], ["opens, content damaged", [0, 1]]);
});

test("a file system that was read and is gone is damage for a month; what never had one just opens", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const gone = xfsInLuks2.slice();
  gone.fill(0x5a, contentAt(0));
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const verdictOf = async (image: Uint8Array, point: string): Promise<unknown> => {
    const { body } = await prove(keySide, image, { point, anew: true });
    return [body.verdict, body.structures];
  };
  assert.deepEqual(await verdictOf(gone, somePoint), ["opens", [0, 0]]);
  assert.deepEqual(await verdictOf(xfsInLuks2, somePoint), ["reads", [17, 17]]);
  assert.deepEqual(await verdictOf(gone, otherPoint), ["opens, content damaged", [0, 1]]);
  keySide.pass({ days: 31 });
  assert.deepEqual(await verdictOf(gone, otherPoint), ["opens", [0, 0]]);
});

test("an earlier proof of the same header is carried over, with its date, until the interval is over", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  await prove(keySide, xfsInLuks2);
  const derived = kdf.requests.length;
  keySide.pass({ days: 6 });
  const carried = await prove(keySide, xfsInLuks2, { point: otherPoint });
  assert.deepEqual(
    [carried.body.verdict, carried.body.carriedOver, carried.body.at, carried.body.derivedAt, carried.body.structures],
    ["opens", true, "2026-01-07T00:00:00Z", "2026-01-01T00:00:00Z", [0, 0]],
    "the header is the same; of this point's content nothing was seen",
  );
  assert.deepEqual([carried.shown.length, kdf.requests.length], [0, derived]);

  const again = await prove(keySide, xfsInLuks2);
  assert.deepEqual([again.body.verdict, again.body.carriedOver, again.body.structures], ["reads", true, [17, 17]]);

  keySide.pass({ days: 2 });
  const real = await prove(keySide, xfsInLuks2, { point: "ee".repeat(16) });
  assert.deepEqual([real.body.carriedOver, real.body.derivedAt], [false, "2026-01-09T00:00:00Z"]);
  assert.ok(kdf.requests.length > derived);
});

test("a point whose content is damaged stays so while others with its header open; nothing is carried over to it", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const hurt = damaged(2 * 64 * 4096 + 600);
  await prove(keySide, hurt, { anew: true });
  keySide.pass({ days: 1 });
  await prove(keySide, xfsInLuks2, { point: otherPoint, anew: true });
  const later = await prove(keySide, hurt);
  assert.deepEqual([later.body.verdict, later.body.carriedOver], ["opens, content damaged", false]);
  const healed = await prove(keySide, xfsInLuks2);
  assert.deepEqual([healed.body.verdict, healed.body.carriedOver], ["reads", false]);
});

test("nothing is carried over for another header, machine, disk, volume or version, when asked anew, or from a later time", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  await prove(keySide, xfsInLuks2);
  const isCarried = async (more: Parameters<typeof prove>[2], image = xfsInLuks2): Promise<boolean> => {
    const before = kdf.requests.length;
    const { body } = await prove(keySide, image, { point: otherPoint, ...more });
    assert.equal(body.carriedOver, kdf.requests.length === before);
    return body.carriedOver;
  };
  assert.equal(await isCarried({}), true);
  assert.equal(await isCarried({ anew: true }), false);
  assert.equal(await isCarried({ machine: otherPoint }), false);
  assert.equal(await isCarried({ disk: "disk1" }), false);
  assert.equal(await isCarried({ volume: "2" }), false);
  const labelled = luks2With(
    "XFS in LUKS2",
    [
      { number: 0, passphrase: "first" },
      { number: 1, passphrase: "second" },
    ],
    xfsPieces(),
    MIB,
  );
  assert.equal(await isCarried({}, labelled.written({ label: "changed" })), false);
  keySide.pass({ days: -1 });
  assert.equal(await isCarried({ volume: "1", machine: someMachine }), false, "those there are lie ahead of the clock");

  keySide.pass({ days: 1 });
  const { db } = keySide.side.store;
  db.prepare("UPDATE versions SET enabled = 0").run();
  const disabled = await prove(keySide, xfsInLuks2);
  assert.deepEqual(
    [disabled.body.verdict, disabled.body.version, disabled.body.derivedAt],
    ["version unusable", "web01/v1", null],
  );
});

test("where several versions are bound, one that opens the volume is found, whatever the others are", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const { db } = keySide.side.store;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  await bindTo(keySide, xfsInLuks2, "keyslot 1", { kind: "passphrase", bytes: "wrong" });
  await bindTo(keySide, xfsInLuks2, "keyslot 1", { kind: "passphrase", bytes: "second" });
  db.prepare("UPDATE versions SET enabled = 0 WHERE number = 3").run();
  const { body } = await prove(keySide, xfsInLuks2);
  assert.deepEqual([body.verdict, body.version], ["reads", "web01/v1"]);
});

test("a version that is bound and does not open it is rejected, on its own protector alone", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 1", first);
  const { body } = await prove(keySide, xfsInLuks2);
  assert.deepEqual([body.verdict, body.version, body.derivedAt], ["rejected", "web01/v1", "2026-01-01T00:00:00Z"]);
  assert.equal(kdf.requests.length, 2, "one keyslot, though it would open the other");
});

test("what costs more than is allowed is not tried", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  Object.assign(keySide.side.costLimit, { seconds: 1e-9 });
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const { body } = await prove(keySide, xfsInLuks2);
  assert.deepEqual([body.verdict, body.version, body.derivedAt], ["not tried", "web01/v1", null]);
  assert.equal(kdf.requests.length, 0);
});

test("what is no header is damaged, and nothing is looked for", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const header = await presented(xfsInLuks2);
  for (const ranges of [[], [[0, base64(new Uint8Array(65_536))] as [number, string]]]) {
    const { body } = await prove(keySide, xfsInLuks2, { header: { ...header, ranges } });
    assert.deepEqual([body.verdict, body.version, body.volumeIdentity], ["header damaged", null, null]);
  }
  assert.equal(kdf.requests.length, 0);
});

test("a header whose volume was cut off opens, and its content is damaged", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const header = await presented(xfsInLuks2);
  const { body } = await prove(keySide, xfsInLuks2, { header: { ...header, sizeBytes: contentAt(0) } });
  assert.deepEqual([body.verdict, body.structures], ["opens, content damaged", [0, 1]]);
});

test("bytes that are not what was wanted end the proof", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const input = await proofInput(xfsInLuks2);
  for (const pieces of [[], [base64(new Uint8Array(5))], [base64(new Uint8Array(262_144)), "AAAA"]]) {
    const { proof } = await keySide.as("backup", "proof.begin", input);
    await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "ARGUMENT_INVALID" });
    await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "NAME_UNKNOWN" });
  }
  assert.deepEqual(
    (await keySide.as("auditor", "proof.list", { vault: someVault, machine: someMachine })).statements,
    [],
  );
});

test("header pieces that overlap or lie outside the volume, and bytes that are no base64, are refused", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const { ranges, ...header } = await presented(xfsInLuks2);
  const [one] = ranges;
  assert.ok(one !== undefined);
  for (const wrong of [[one, one], [[header.sizeBytes, "AAAA"] as [number, string]]]) {
    const input = await proofInput(xfsInLuks2, { header: { ...header, ranges: wrong } });
    await assert.rejects(keySide.as("backup", "proof.begin", input), { code: "ARGUMENT_INVALID" });
  }
  const input = await proofInput(xfsInLuks2, { header: { ...header, ranges: [[0, "AAAB=="]] } });
  await assert.rejects(keySide.as("backup", "proof.begin", input), { code: "ARGUMENT_INVALID" });
});

test("only the identity that reports for the vault proves, and nobody else goes on with its proof", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const input = await proofInput(xfsInLuks2);
  const { proof } = await keySide.as("backup", "proof.begin", input);
  for (const role of ["custodian", "auditor", "machine"] as const) {
    await assert.rejects(keySide.as(role, "proof.begin", input), { code: "NOT_ALLOWED" });
    await assert.rejects(keySide.as(role, "proof.show", { proof, pieces: [] }), { code: "NOT_ALLOWED" });
  }
  const unknown = await proofInput(xfsInLuks2, { vault: otherPoint });
  await assert.rejects(keySide.as("backup", "proof.begin", unknown), { code: "NAME_UNKNOWN" });
  const token = newToken(systemRandom);
  const { store } = keySide.side;
  inTransaction(store.db, () => addIdentity(store, { name: "other host", role: "backup", token, expiresMs: null }));
  await assert.rejects(keySide.ask(token, "proof.begin", input), { code: "NOT_ALLOWED" });
  await assert.rejects(keySide.ask(token, "proof.show", { proof, pieces: [] }), { code: "NAME_UNKNOWN" });
});

test("a proof that nobody goes on with ends after two minutes, and gives its place back", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const input = await proofInput(xfsInLuks2);
  const steps = [];
  for (let count = 0; count < 8; count++) steps.push(await keySide.as("backup", "proof.begin", input));
  await assert.rejects(keySide.as("backup", "proof.begin", input), {
    code: "RATE_LIMITED",
    message: "proving a volume: 8 proofs of yours are under way",
  });
  keySide.pass({ minutes: 2 });
  const [{ proof, wants } = assert.fail()] = steps;
  const pieces = wants.map(([offsetBytes, length]) => base64(xfsInLuks2.subarray(offsetBytes, offsetBytes + length)));
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "NAME_UNKNOWN" });
  assert.equal((await keySide.as("backup", "proof.begin", input)).statement, null);
});

test("a sealed store proves nothing, and ends what was under way", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const input = await proofInput(xfsInLuks2);
  const { proof, wants } = await keySide.as("backup", "proof.begin", input);
  keySide.side.store.seal();
  await assert.rejects(keySide.as("backup", "proof.begin", input), { code: "KEY_STORE_SEALED" });
  const pieces = wants.map(([, length]) => base64(new Uint8Array(length)));
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "KEY_STORE_SEALED" });
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "NAME_UNKNOWN" });
});

test("who seals the store ends what is under way at once", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  const { proof, wants } = await keySide.as("backup", "proof.begin", await proofInput(xfsInLuks2));
  await keySide.as("custodian", "store.seal", {});
  const pieces = wants.map(([, length]) => base64(new Uint8Array(length)));
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "NAME_UNKNOWN" });
});

test("derivations have a budget of the day, for each machine and for each volume, so that no new names help", async () => {
  let derived = 0;
  const wrong: KeyDeriver = {
    derive: (request) => {
      derived++;
      return Promise.resolve(new Secret(new Uint8Array("keyBytes" in request ? request.keyBytes : 32)));
    },
  };
  using keySide = await testKeySide(wrong);
  enrolSomeVault(keySide);
  const { store } = keySide.side;
  const maker = luks2With("dear", [{ number: 0, passphrase: "first" }], [], 8192);
  put(maker.json, "keyslots.0.kdf.iterations", 3_000_000); // 0.6 s by the estimate
  const image = maker.written();
  await bindTo(keySide, image, "keyslot 0", first);
  inTransaction(store.db, () => savePolicy(store, { proofSecondsPerDay: 1 }));
  assert.equal((await prove(keySide, image, { anew: true })).body.verdict, "rejected");
  assert.equal(derived, 2);
  for (const more of [{}, { machine: otherPoint }, { point: otherPoint }]) {
    await assert.rejects(prove(keySide, image, { anew: true, ...more }), {
      code: "RATE_LIMITED",
      message: /of 1 s of key derivation are spent for this machine or volume today/,
    });
  }
  assert.equal(derived, 2);
  keySide.pass({ days: 1 });
  assert.equal((await prove(keySide, image, { anew: true })).body.verdict, "rejected");
});

test("altered sectors are looked at so often a day and no more", async () => {
  const { test: keySide, kdf } = await proving();
  using _open = keySide;
  const { store } = keySide.side;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  inTransaction(store.db, () => savePolicy(store, { proofFailuresPerDay: 3 }));
  for (let count = 0; count < 3; count++) {
    assert.equal(
      (await prove(keySide, damaged(600 + 512 * count), { anew: true })).body.verdict,
      "opens, content damaged",
    );
  }
  const derived = kdf.requests.length;
  await assert.rejects(prove(keySide, xfsInLuks2, { anew: true, machine: otherPoint }), {
    code: "RATE_LIMITED",
    message: /its content was found wrong 3 times today/,
  });
  assert.equal(kdf.requests.length, derived);
  keySide.pass({ days: 1 });
  assert.equal((await prove(keySide, xfsInLuks2, { anew: true })).body.verdict, "reads");
});

test("a volume in a state that no real sample showed is marked so", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const { warnings } = await factsOf(xfsInLuks2);
  assert.deepEqual(warnings, []);
  using bitlockerSide = await testKeySide(cheapKdf);
  enrolSomeVault(bitlockerSide);
  const guid = "11111111-2222-3333-4444-555555555555";
  const { image } = makeBitlocker({
    layout: "vista",
    method: 0x8001,
    protectors: [{ kind: "password", guid, password: "pw" }],
  });
  assert.ok((await factsOf(image)).warnings.some(({ code }) => code === "NOT_SHOWN_BY_SAMPLES"));
  await bindTo(bitlockerSide, image, guid, { kind: "passphrase", bytes: "pw" });
  const { body } = await prove(bitlockerSide, image);
  assert.deepEqual([body.unproven, body.version], [true, "web01/v1"]);
});

test("both sides' lists of verdicts are the same", () => {
  const toKeySide = (each: ApiVerdict): Verdict => each;
  const toApi = (each: Verdict): ApiVerdict => each;
  assert.deepEqual(verdict.options.map(toKeySide).map(toApi), verdict.options);
});

test("whatever is presented and shown, the answer is a verdict or a LockstepError", async () => {
  const { test: keySide } = await proving();
  using _open = keySide;
  const { store } = keySide.side;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", first);
  inTransaction(store.db, () => savePolicy(store, { proofFailuresPerDay: 10_000, proofSecondsPerDay: 86_400 }));
  const edits = fc.array(fc.tuple(fc.nat(xfsInLuks2.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 })), {
    maxLength: 6,
  });
  const { ranges } = await presented(xfsInLuks2);
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
