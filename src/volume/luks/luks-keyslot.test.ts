import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import { test } from "node:test";

import { isZero } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { seededRandom } from "#testing/random.ts";
import { afSplit } from "#testing/volumes/af-split.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import { openSectorEncrypter } from "#testing/volumes/sector-encrypter.ts";
import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";
import { isVolumeKey, openKeyslotArea } from "#volume/luks/luks-keyslot.ts";
import type { KeyslotArea } from "#volume/luks/luks-keyslot.ts";

const { signal } = new AbortController();
const random = seededRandom("keyslot");
const volumeKey = random(32);
const salt = random(32);
const stripes = 40;
const kdf: KdfRequest = { kind: "pbkdf2", hash: "sha256", iterations: 10, salt, keyBytes: 64 };
const areaCipher: SectorCipherSpec = {
  cipher: "aes",
  mode: "xts",
  iv: { kind: "plain64" },
  keyBytes: 64,
  sectorBytes: 512,
  ivUnitBytes: 512,
  diffuser: false,
};

/** A key in 2560 bytes of 3072, encrypted for the passphrase, with a key of the area that is longer than the volume key. */
function keyslot(passphrase: string): KeyslotArea {
  const area = new Uint8Array(6 * 512);
  area.set(afSplit(volumeKey, stripes, "sha1", random));
  using cipher = openSectorEncrypter(areaCipher, pbkdf2Sync(passphrase, salt, 10, 64, "sha256"));
  cipher.encrypt(area, 0n);
  return { kdf, area, areaCipher, keyBytes: 32, stripes, afHash: "sha1" };
}

function secretOf(text: string): Secret {
  return new Secret(utf8(text));
}

const digestKdf: KdfRequest = { kind: "pbkdf2", hash: "sha1", iterations: 7, salt, keyBytes: 20 };
const expected = { kdf: digestKdf, digest: new Uint8Array(pbkdf2Sync(volumeKey, salt, 7, 20, "sha1")) };

test("the right secret gives the volume key, and the digest says so", async () => {
  const deriver = new Pbkdf2Deriver();
  using key = await openKeyslotArea(keyslot("open"), secretOf("open"), deriver, signal);
  assert.deepEqual(key.bytes, volumeKey);
  assert.equal(await isVolumeKey(key, expected, deriver, signal), true);
  assert.deepEqual(deriver.requests, [kdf, digestKdf]);
});

test("a wrong secret gives another key, and the digest says so", async () => {
  const deriver = new Pbkdf2Deriver();
  using key = await openKeyslotArea(keyslot("open"), secretOf("opem"), deriver, signal);
  assert.equal(key.bytes.length, 32);
  assert.notDeepEqual(key.bytes, volumeKey);
  assert.equal(await isVolumeKey(key, expected, deriver, signal), false);
});

test("the area stays as it is, and what was derived is wiped", async () => {
  const deriver = new Pbkdf2Deriver();
  const slot = keyslot("open");
  const before = slot.area.slice();
  using key = await openKeyslotArea(slot, secretOf("open"), deriver, signal);
  await isVolumeKey(key, expected, deriver, signal);
  assert.deepEqual(slot.area, before);
  assert.equal(deriver.given.length, 2);
  for (const given of deriver.given) assert.ok(isZero(given.bytes));
});

test("an area in plain is opened by the empty secret only, and no other is even derived from", async () => {
  const area = afSplit(volumeKey, stripes, "sha1", random);
  const slot = { ...keyslot("any"), area, areaCipher: null };
  const deriver = new Pbkdf2Deriver();
  await assert.rejects(openKeyslotArea(slot, secretOf("any"), deriver, signal), { code: "SECRET_REJECTED" });
  assert.equal(deriver.requests.length, 0);
  using key = await openKeyslotArea(slot, secretOf(""), deriver, signal);
  assert.deepEqual(key.bytes, volumeKey);
});

test("a digest of no bytes fits no key, and one that is cut short fits none either", async () => {
  const deriver = new Pbkdf2Deriver();
  const key = new Secret(volumeKey.slice());
  const none = { kdf: digestKdf, digest: new Uint8Array() };
  await assert.rejects(isVolumeKey(key, none, deriver, signal), { code: "ARGUMENT_INVALID" });
  const cut = { kdf: digestKdf, digest: expected.digest.subarray(0, 19) };
  assert.equal(await isVolumeKey(key, cut, deriver, signal), false);
});

test("an abort ends it before anything is decrypted", async () => {
  const aborted = AbortSignal.abort();
  const deriver = new Pbkdf2Deriver();
  await assert.rejects(openKeyslotArea(keyslot("open"), secretOf("open"), deriver, aborted), { code: "CANCELLED" });
});
