import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { someFacts, someProtector } from "#testing/volumes/volume-facts.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import { unlockWithin } from "#volume/header/unlock-within.ts";
import type { Protector } from "#volume/header/volume.ts";

const { signal } = new AbortController();
const kdf = { derive: () => assert.fail("derived") };
const secret = { kind: "passphrase", secret: new Secret(utf8("pw")) } as const;

/** A header that no secret opens, and how often it was asked. */
function header(
  protectors: readonly Protector[],
  onRequest: readonly Protector[] = [],
): EncryptedHeader & { asked: number } {
  const made = {
    asked: 0,
    facts: someFacts({ protectors }),
    protectorsFor: () => protectors.filter(({ unusable }) => unusable === null),
    protectorsOnRequest: () => onRequest,
    unlock: () => {
      made.asked++;
      return Promise.reject(new LockstepError("SECRET_REJECTED", "No keyslot opens."));
    },
    mapping: () => assert.fail("mapped"),
  };
  return made;
}

function keyslots(count: number, seconds: number): Protector[] {
  const cost = { kind: "pbkdf2", iterations: 1, memoryKiB: 0, lanes: 1, seconds } as const;
  return Array.from({ length: count }, (_, slot) => someProtector({ id: `keyslot ${slot}`, cost }));
}

test("many protectors that are cheap enough each are refused where they are too dear together", async () => {
  const terms = { kdf, limit: { memoryKiB: 0, seconds: 60 }, only: null };
  const many = header(keyslots(32, 59));
  await assert.rejects(unlockWithin(many, secret, terms, signal), {
    code: "KDF_TOO_COSTLY",
    message: "trying the secret on 32 protectors would take about 1888 s, and 60 s are allowed",
  });
  assert.equal(many.asked, 0);
  const few = header(keyslots(3, 20));
  await assert.rejects(unlockWithin(few, secret, terms, signal), { code: "SECRET_REJECTED" });
  const one = header(keyslots(32, 59));
  await assert.rejects(unlockWithin(one, secret, { ...terms, only: "keyslot 7" }, signal), { code: "SECRET_REJECTED" });
  assert.deepEqual([few.asked, one.asked], [1, 1]);
});

test("protectors that are too dear by themselves are the header's to refuse, and do not count", async () => {
  const terms = { kdf, limit: { memoryKiB: 0, seconds: 60 }, only: null };
  const mixed = header([...keyslots(2, 10), ...keyslots(5, 1000)]);
  await assert.rejects(unlockWithin(mixed, secret, terms, signal), { code: "SECRET_REJECTED" });
  assert.equal(mixed.asked, 1);
});

test("a rejection says why some protectors were not tried, and nothing of others where one was named", async () => {
  const terms = { kdf, limit: { memoryKiB: 0, seconds: 60 }, only: null };
  const odd = header(
    [someProtector(), someProtector({ id: "keyslot 1", cost: null, unusable: "its cipher is null" })],
    [someProtector({ id: "keyslot 2" })],
  );
  await assert.rejects(unlockWithin(odd, secret, terms, signal), {
    code: "SECRET_REJECTED",
    message:
      "No keyslot opens. Not tried: keyslot 1: its cipher is null; " +
      'keyslot 2: its priority is "ignore", so that it is tried only where it is named',
    hint: "Name one with --protector to have it tried.",
  });
  await assert.rejects(unlockWithin(odd, secret, { ...terms, only: "keyslot 0" }, signal), {
    code: "SECRET_REJECTED",
    message: "No keyslot opens.",
  });
});
