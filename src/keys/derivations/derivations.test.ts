import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { custodianDeriver, derivationsOf } from "#keys/derivations/derivations.ts";
import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import { bindTo, enrolSomeVault, presentedOf, prove } from "#testing/keys/presented-volume.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import type { KeyDeriver, KdfRequest } from "#volume/header/kdf.ts";

const { signal } = new AbortController();
const CANDIDATES = 20;

/** PBKDF2 that is estimated to take so many seconds; nothing derives it. */
function costing(seconds: number): KdfRequest {
  return { kind: "pbkdf2", hash: "sha256", iterations: seconds * 5_000_000, salt: new Uint8Array(16), keyBytes: 32 };
}

const free: KeyDeriver = { derive: () => Promise.resolve(new Secret(new Uint8Array(32))) };

test("a match of many versions and proofs take turns, and never derive at the same time", async () => {
  const begun: string[] = [];
  let running = 0;
  using keySide = await testKeySide({
    derive: async (request, secret) => {
      begun.push(hex(request.salt));
      assert.equal(++running, 1, "one derivation at a time");
      await setImmediate();
      running--;
      return deriveKey(request, secret);
    },
  });
  enrolSomeVault(keySide);
  const matched = Luks2Maker.make("matched", [{ number: 0, passphrase: "nobody has it" }]).written();
  for (let number = 0; number < CANDIDATES; number++) {
    await addPassphrase(keySide, "old", `candidate ${number}`);
  }
  await bindTo(keySide, sampleVolume, "keyslot 6", { kind: "passphrase", bytes: "middle" });
  const target = { place: null, source: "live", protector: null, volumeUuid: null } as const;
  const match = keySide.as("custodian", "key.match", {
    ...target,
    header: await presentedOf(matched),
    maxSeconds: 600,
    dryRun: false,
  });
  while (begun.length < 3) await setImmediate();
  const [salt = ""] = begun;
  const { body } = await prove(keySide, sampleVolume);
  assert.equal(body.verdict, "opens");
  const before = begun.filter((each) => each === salt).length;
  assert.ok(before < CANDIDATES / 2, `${before} trials came before the proof`);
  const { tried } = await match;
  assert.equal(tried, CANDIDATES + 1);
  assert.equal(begun.filter((each) => each === salt).length, CANDIDATES + 1);
});

test("what custodians have tried on a volume has a budget of its own; neither it nor that of proofs spends the other", async () => {
  using keySide = await testKeySide();
  const { store } = keySide.side;
  using secret = new Secret(new Uint8Array(1));
  const deriver = custodianDeriver(store, free, "volume");
  const spendAsProof = (seconds: number): void => derivationsOf(store).spend(["volume volume"], seconds, "proving");
  spendAsProof(600);
  assert.throws(() => spendAsProof(1), { code: "RATE_LIMITED" });
  for (let run = 0; run < 2; run++) (await deriver.derive(costing(300), secret, signal)).wipe();
  await assert.rejects(deriver.derive(costing(1), secret, signal), {
    code: "RATE_LIMITED",
    message:
      "trying a version: 600 of 600 s of key derivation are spent for this machine or volume today, and it takes 1 s",
  });
  (await custodianDeriver(store, free, "another").derive(costing(900), secret, signal)).wipe();
  (await custodianDeriver(store, free, null).derive(costing(900), secret, signal)).wipe();
  keySide.pass({ hours: 24 });
  (await deriver.derive(costing(1), secret, signal)).wipe();
  spendAsProof(1);
});
