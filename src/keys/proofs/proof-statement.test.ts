import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { statement, statementBody, verdict } from "#api/proofs.ts";
import { Secret } from "#bytes/secret.ts";
import { base64, fromBase64, fromHex, hex, utf8 } from "#bytes/text.ts";
import { isSignedBy } from "#crypto/ed25519.ts";
import { earlierProof, loadStatements, saveStatement, wasRead } from "#keys/proofs/proof-statement.ts";
import type { ProofFinding } from "#keys/proofs/proof-statement.ts";
import { inTransaction } from "#keys/store/database.ts";
import { KeyRing, signedBytes, signingPublicOf } from "#keys/store/key-ring.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { bindTo, someMachine, somePoint, someVault } from "#testing/keys/presented-volume.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";

const document = readFileSync(join(import.meta.dirname, "../../../docs/format/statements.md"), "utf8");
const image = Luks2Maker.make("statements", [{ number: 0, passphrase: "first" }]).written();
const volume = { vault: someVault, machine: someMachine, point: somePoint, disk: "vda", volume: "3" };

const finding: ProofFinding = {
  verdict: "opens",
  version: null,
  derivedMs: Date.parse("2026-01-01T00:00:00Z"),
  carriedOver: false,
  header: { volumeIdentity: "11".repeat(32), headerDigest: "22".repeat(32) },
  presented: "33".repeat(32),
  structures: [0, 0],
  unproven: false,
};

/** The example of the document. */
function example(): { signed: string; signature: string } {
  const [, text = ""] = /<!-- example -->\s*```json\n(.*?)\n```/s.exec(document) ?? [];
  return statement.parse(JSON.parse(text));
}

test("the document's example is signed as it says, and has the members that a statement has, in their order", async () => {
  const { signed, signature } = example();
  const [, key = ""] = /public half is\s+`([0-9a-f]{64})`/.exec(document) ?? [];
  const seed = (): Secret => new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));
  assert.equal(key, hex(signingPublicOf(seed())));
  using ring = new KeyRing(new Map(), 1, seed());
  assert.equal(signature, base64(ring.sign("proof", utf8(signed))));
  const publicKey = fromHex(key) ?? assert.fail();
  assert.ok(isSignedBy(publicKey, signedBytes("proof", utf8(signed)), fromBase64(signature) ?? assert.fail()));
  statementBody.parse(JSON.parse(signed));

  using keySide = await testKeySide();
  const { store } = keySide.side;
  const made = inTransaction(store.db, () => saveStatement(store, volume, finding));
  assert.deepEqual(Object.keys(JSON.parse(signed) as object), Object.keys(JSON.parse(made.signed) as object));
});

test("the document has every verdict", () => {
  const listed = [...document.matchAll(/^\| `([a-z ,]+)` +\| [a-z]/gm)].map((match) => match[1]);
  for (const each of verdict.options) assert.ok(listed.includes(each), each);
});

test("the latest statement on a volume takes the place of the one before, whatever it says", async () => {
  using keySide = await testKeySide();
  const { store } = keySide.side;
  const save = (more: Partial<ProofFinding>): unknown =>
    inTransaction(store.db, () => saveStatement(store, volume, { ...finding, ...more }));
  save({});
  const latest = save({ verdict: "header damaged", header: null, derivedMs: null });
  assert.deepEqual(loadStatements(store, someVault, someMachine), [latest]);
  assert.deepEqual(loadStatements(store, someVault, somePoint), []);
});

test("an earlier proof is the newest of this header that opened it, in the time that is asked for", async () => {
  using keySide = await testKeySide();
  const { store } = keySide.side;
  const version = await bindTo(keySide, image, "keyslot 0", { kind: "passphrase", bytes: "first" });
  const at = (day: number): number => Date.parse(`2026-01-0${day}T00:00:00Z`);
  const save = (point: string, more: Partial<ProofFinding>): void => {
    const found = { ...finding, version, structures: [3, 3] as const, ...more };
    inTransaction(store.db, () => saveStatement(store, { ...volume, point: point.repeat(16) }, found));
  };
  keySide.pass({ days: 5 });
  save("01", { verdict: "reads", derivedMs: at(2) });
  save("02", { verdict: "opens", derivedMs: at(3), structures: [0, 0] });
  save("03", { verdict: "opens, content damaged", derivedMs: at(4) });
  save("04", { verdict: "reads", derivedMs: at(5), header: { volumeIdentity: "11".repeat(32), headerDigest: "44" } });
  save("05", { verdict: "reads", derivedMs: at(9) });
  const digest = "22".repeat(32);
  const opened = { verdict: "opens", version: version.id, derivedMs: at(3), structures: [0, 0] };
  assert.deepEqual(earlierProof(store, volume, digest, at(1)), opened);
  assert.deepEqual(earlierProof(store, volume, digest, at(3)), opened);
  assert.equal(earlierProof(store, volume, digest, at(3) + 1), null);
  for (const other of [{ vault: somePoint }, { machine: somePoint }, { disk: "vdb" }, { volume: "4" }]) {
    assert.equal(earlierProof(store, { ...volume, ...other }, digest, at(1)), null);
  }
});

test("that a file system was read in a volume is remembered by the volume's identity, whatever comes after", async () => {
  using keySide = await testKeySide();
  const { store } = keySide.side;
  const identity = "11".repeat(32);
  assert.equal(wasRead(store, identity, 0), false);
  inTransaction(store.db, () => saveStatement(store, volume, { ...finding, verdict: "reads", structures: [2, 2] }));
  inTransaction(store.db, () => saveStatement(store, volume, { ...finding, verdict: "not bound", derivedMs: null }));
  assert.equal(wasRead(store, identity, finding.derivedMs ?? 0), true);
  assert.equal(wasRead(store, identity, (finding.derivedMs ?? 0) + 1), false);
  assert.equal(wasRead(store, "22".repeat(32), 0), false);
  const older = { verdict: "reads", derivedMs: (finding.derivedMs ?? 0) - 1, carriedOver: true } as const;
  inTransaction(store.db, () => saveStatement(store, volume, { ...finding, ...older }));
  assert.equal(wasRead(store, identity, finding.derivedMs ?? 0), true, "nothing was read when it was carried over");
});
