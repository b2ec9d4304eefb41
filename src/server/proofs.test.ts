import assert from "node:assert/strict";
import { test } from "node:test";

import { verdict } from "#api/proofs.ts";
import type { Verdict as ApiVerdict } from "#api/proofs.ts";
import { fromBase64, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { PresentedBytes } from "#keys/proofs/presented-bytes.ts";
import type { Verdict } from "#keys/proofs/proof-statement.ts";
import { signedBytes } from "#keys/store/key-ring.ts";
import {
  bindTo,
  factsOf,
  presentedOf,
  prove,
  someMachine,
  somePoint,
  someVault,
} from "#testing/keys/presented-volume.ts";
import { firstPassphrase, otherPoint, proving, xfsInLuks2 } from "#testing/keys/proving.ts";
import { contentAt } from "#testing/volumes/luks2-content.ts";

test("a volume that a bound version opens, and whose file system is right, reads; the statement says all of it", async () => {
  using keySide = await proving();
  const { kdf } = keySide;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const { body, statement, shown } = await prove(keySide, xfsInLuks2);
  const { identity, headerDigest } = await factsOf(xfsInLuks2);
  const bytes = new PresentedBytes();
  for (const [offsetBytes, text] of (await presentedOf(xfsInLuks2)).ranges) {
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
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const { shown } = await prove(keySide, xfsInLuks2);
  for (const { offsetBytes, bytes } of shown) {
    assert.ok(offsetBytes >= contentAt(0));
    assert.deepEqual([offsetBytes % 4096, bytes.length % 4096], [0, 0]);
  }
  assert.ok(shown.length < 12, String(shown.length));
});

test("the latest statement on each volume is kept, listed to those who may, and goes with its point", async () => {
  using keySide = await proving();
  const { db } = keySide.side.store;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
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
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  await prove(keySide, xfsInLuks2);
  const entries = keySide.side.store.db.prepare("SELECT act, subject, outcome, detail FROM audit").all();
  const subject = `vault ${someVault}, machine ${someMachine}, point ${somePoint}, disk disk0, volume 1`;
  const detail = JSON.stringify({ verdict: "reads", version: "web01/v1", carriedOver: false });
  assert.deepEqual(
    entries.map((row) => ({ ...row })),
    [{ act: "proof.begin", subject, outcome: "done", detail }],
  );
});

test("both sides' lists of verdicts are the same", () => {
  const toKeySide = (each: ApiVerdict): Verdict => each;
  const toApi = (each: Verdict): ApiVerdict => each;
  assert.deepEqual(verdict.options.map(toKeySide).map(toApi), verdict.options);
});
