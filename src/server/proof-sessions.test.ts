import assert from "node:assert/strict";
import { test } from "node:test";

import { base64 } from "#bytes/text.ts";
import { systemRandom } from "#crypto/derive.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { inTransaction } from "#keys/store/database.ts";
import { bindTo, presentedOf, proofInput, someMachine, someVault } from "#testing/keys/presented-volume.ts";
import { firstPassphrase, otherPoint, proving, xfsInLuks2 } from "#testing/keys/proving.ts";

test("bytes that are not what was wanted end the proof", async () => {
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
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
  using keySide = await proving();
  const { ranges, ...header } = await presentedOf(xfsInLuks2);
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
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
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
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
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
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const input = await proofInput(xfsInLuks2);
  const { proof, wants } = await keySide.as("backup", "proof.begin", input);
  keySide.side.store.seal();
  await assert.rejects(keySide.as("backup", "proof.begin", input), { code: "KEY_STORE_SEALED" });
  const pieces = wants.map(([, length]) => base64(new Uint8Array(length)));
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "KEY_STORE_SEALED" });
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "NAME_UNKNOWN" });
});

test("who seals the store ends what is under way at once", async () => {
  using keySide = await proving();
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  const { proof, wants } = await keySide.as("backup", "proof.begin", await proofInput(xfsInLuks2));
  await keySide.as("custodian", "store.seal", {});
  const pieces = wants.map(([, length]) => base64(new Uint8Array(length)));
  await assert.rejects(keySide.as("backup", "proof.show", { proof, pieces }), { code: "NAME_UNKNOWN" });
});
