import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { savePolicy } from "#keys/access/policy.ts";
import { inTransaction } from "#keys/store/database.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { bindTo, enrolSomeVault, prove } from "#testing/keys/presented-volume.ts";
import { damagedXfs, firstPassphrase, otherPoint, proving, xfsInLuks2 } from "#testing/keys/proving.ts";
import { luks2With } from "#testing/volumes/luks2-content.ts";
import { put } from "#testing/volumes/luks2-maker.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

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
  await bindTo(keySide, image, "keyslot 0", firstPassphrase);
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
  using keySide = await proving();
  const { kdf } = keySide;
  const { store } = keySide.side;
  await bindTo(keySide, xfsInLuks2, "keyslot 0", firstPassphrase);
  inTransaction(store.db, () => savePolicy(store, { proofFailuresPerDay: 3 }));
  for (let count = 0; count < 3; count++) {
    assert.equal(
      (await prove(keySide, damagedXfs(600 + 512 * count), { anew: true })).body.verdict,
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
