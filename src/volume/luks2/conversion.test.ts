import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { seededRandom } from "#testing/random.ts";
import {
  AREA_BYTES,
  DATA_AT,
  HEADER_BYTES,
  Luks2Maker,
  cryptSegment,
  objectAt,
  pbkdf2Digest,
  put,
} from "#testing/volumes/luks2-maker.ts";
import type { MadeJson, MadeObject } from "#testing/volumes/luks2-maker.ts";
import * as sample from "#testing/volumes/luks2-sample.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";

const { passphrase, signal, terms } = sample;
const DATA_BYTES = 16384;
const KIB4 = 4096;
const plaintext = seededRandom("plaintext")(DATA_BYTES);

/** A volume with an old and a new key, and a keyslot for each, before anything of a conversion is noted. */
const base = ((): Luks2Maker => {
  const maker = Luks2Maker.make("conversion", [{ number: 0, passphrase: "open" }], DATA_BYTES);
  put(maker.json, "digests.1", maker.digest(1));
  maker.addKeyslot({ number: 1, passphrase: "open", digest: 1 });
  return maker;
})();

function keyslot(more: MadeObject = {}, area: MadeObject = {}): MadeObject {
  const offset = String(2 * HEADER_BYTES + 2 * AREA_BYTES);
  return {
    type: "reencrypt",
    key_size: 1,
    priority: 0,
    mode: "reencrypt",
    direction: "forward",
    area: { type: "none", offset, size: "4096", ...area },
    ...more,
  };
}

type Segments = readonly { readonly json: MadeObject; readonly digests: readonly number[] }[];

function crypt(
  at: number,
  size: number | "dynamic",
  digests: readonly number[],
  more: MadeObject = {},
): Segments[number] {
  const tweak = { iv_tweak: String(at / 512) };
  return { json: cryptSegment({ offset: String(DATA_AT + at), size: String(size), ...tweak, ...more }), digests };
}

function linear(at: number, size: number | "dynamic", more: MadeObject = {}): Segments[number] {
  return { json: { type: "linear", offset: String(at), size: String(size), ...more }, digests: [] };
}

/** Writes down a conversion; its seal is that of the two keys, or of those that are named. */
function converting(segments: Segments, slot: MadeObject, keys: readonly number[], version = 2): Luks2Maker {
  const maker = base.copy();
  put(maker.json, "segments", Object.fromEntries(segments.map(({ json }, number) => [String(number), json])));
  for (const key of [0, 1]) {
    const own = segments.flatMap(({ digests }, number) => (digests.includes(key) ? [String(number)] : []));
    put(maker.json, `digests.${key}.segments`, own);
  }
  put(maker.json, "keyslots.2", slot);
  put(maker.json, "config.requirements", { mandatory: [`online-reencrypt-v${version}`] });
  seal(maker, keys, version);
  return maker;
}

/** The seal, written as the specification lists it, value by value. */
function seal(maker: Luks2Maker, keys: readonly number[], version = 2): void {
  const slot = objectAt(maker.json, "keyslots.2");
  const backups = Object.values(objectAt(maker.json, "segments")) as MadeObject[];
  const flagged = (flag: string): MadeObject[] =>
    backups.filter(({ flags }) => Array.isArray(flags) && flags.includes(flag));
  const parts = [utf8(`v${version}`), ...keys.map((key) => maker.volumeKeys[key] ?? new Uint8Array())];
  const text = (value: MadeJson | undefined): number => parts.push(utf8(typeof value === "string" ? value : "?"));
  const number = (bytes: number, value: MadeJson | undefined): number => {
    const digits = BigInt(typeof value === "string" || typeof value === "number" ? value : 0)
      .toString(16)
      .padStart(2 * bytes, "0");
    return parts.push(new Uint8Array(Buffer.from(digits, "hex")));
  };
  const area = slot["area"] as MadeObject;
  for (const value of [slot["mode"], slot["direction"], area["type"]]) text(value);
  for (const value of [area["offset"], area["size"]]) number(8, value);
  if ("hash" in area) text(area["hash"]);
  if ("hash" in area) number(4, area["sector_size"]);
  if ("shift_size" in area) number(8, area["shift_size"]);
  for (const segment of ["backup-previous", "backup-final", "backup-moved-segment"].flatMap(flagged)) {
    text(segment["type"]);
    number(8, segment["offset"]);
    if (segment["size"] === "dynamic") text("dynamic");
    else number(8, segment["size"]);
    if (segment["type"] !== "crypt") continue;
    number(8, segment["iv_tweak"]);
    text(segment["encryption"]);
    number(4, segment["sector_size"]);
  }
  put(maker.json, "digests.2", { ...pbkdf2Digest(concat(...parts), maker.random), keyslots: ["2"] });
}

const opening = passphrase("open");

async function headerOf(maker: Luks2Maker): Promise<EncryptedHeader> {
  return sample.headerOf(maker.written());
}

async function plaintextOf(maker: Luks2Maker): Promise<Uint8Array> {
  return sample.plaintextOf(maker.written(), opening);
}

function part(from: number, to: number): Uint8Array {
  return plaintext.subarray(from, to);
}

const before = crypt(0, "dynamic", [0], { flags: ["backup-previous"] });
const after = crypt(0, "dynamic", [1], { flags: ["backup-final"] });

/** A quarter has the new key, the rest the old one. */
function reencrypted(version = 2, area: MadeObject = {}): Luks2Maker {
  const segments = [crypt(0, KIB4, [1]), crypt(KIB4, "dynamic", [0]), before, after];
  const maker = converting(segments, keyslot({}, area), [0, 1], version);
  maker.putData(part(0, KIB4), { key: 1 });
  maker.putData(part(KIB4, DATA_BYTES), { at: DATA_AT + KIB4, ivTweak: 8n, key: 0 });
  return maker;
}

test("a volume that is re-encrypted in part is read with both keys", async () => {
  for (const version of [2, 3]) {
    const maker = reencrypted(version);
    assert.deepEqual(await plaintextOf(maker), plaintext);
    const { facts } = await headerOf(maker);
    assert.deepEqual([facts.state, facts.progress, facts.unreadable], ["converting", 0.25, null]);
    assert.deepEqual(facts.warnings, [
      { code: "CONVERTING", message: "being converted (reencrypt, forward, resilience none), 25 % done" },
    ]);
    assert.deepEqual(
      facts.protectors.map(({ id, unusable }) => [id, unusable]),
      [
        ["keyslot 0", null],
        ["keyslot 1", null],
      ],
    );
  }
});

test("backwards the old key comes first", async () => {
  const segments = [crypt(0, KIB4, [0]), crypt(KIB4, "dynamic", [1]), before, after];
  const maker = converting(segments, keyslot({ direction: "backward" }), [0, 1]);
  maker.putData(part(0, KIB4), { key: 0 });
  maker.putData(part(KIB4, DATA_BYTES), { at: DATA_AT + KIB4, ivTweak: 8n, key: 1 });
  assert.deepEqual(await plaintextOf(maker), plaintext);
  assert.equal((await headerOf(maker)).facts.progress, 0.75);
});

test("a volume of which nothing is converted yet is read with the old key, and takes both", async () => {
  const maker = converting([crypt(0, "dynamic", [0]), before, after], keyslot(), [0, 1]);
  maker.putData(plaintext, { key: 0 });
  assert.deepEqual(await plaintextOf(maker), plaintext);
  assert.equal((await headerOf(maker)).facts.progress, 0);
});

test("with one passphrase for the old key and another for the new one neither is enough", async () => {
  const maker = reencrypted();
  maker.addKeyslot({ number: 1, passphrase: "other", digest: 1 });
  const header = await headerOf(maker);
  await assert.rejects(header.unlock(opening, terms(), signal), {
    code: "SECRET_REJECTED",
    message: /opens keyslot 0, but no keyslot of/,
  });
  const key: VolumeSecret = {
    kind: "volume-key",
    secret: new Secret((maker.volumeKeys[0] ?? new Uint8Array()).slice()),
  };
  await assert.rejects(header.unlock(key, terms(), signal), { code: "SECRET_REJECTED", message: /takes 2 keys/ });
});

test("a keyslot that is asked for opens its key, and the passphrase the other one", async () => {
  const header = await headerOf(reencrypted());
  using unlocked = await header.unlock(opening, terms({ only: "keyslot 1" }), signal);
  assert.equal(unlocked.volumeKeys.length, 2);
});

test("a volume whose cipher is changed and whose key stays takes one key and two ciphers", async () => {
  const cbc = { encryption: "aes-cbc-plain64" };
  const final = crypt(0, "dynamic", [0], { flags: ["backup-final"], ...cbc });
  const segments = [crypt(0, KIB4, [0], cbc), crypt(KIB4, "dynamic", [0]), before, final];
  const maker = converting(segments, keyslot(), [0]);
  maker.putData(part(KIB4, DATA_BYTES), { at: DATA_AT + KIB4, ivTweak: 8n });
  const header = await headerOf(maker);
  using unlocked = await header.unlock(opening, terms(), signal);
  assert.deepEqual(
    unlocked.volumeKeys.map(({ bytes }) => bytes),
    [maker.volumeKeys[0], maker.volumeKeys[0]],
  );
  assert.deepEqual((await plaintextOf(maker)).subarray(KIB4), part(KIB4, DATA_BYTES));
});

test("a changed number in what is noted of a conversion breaks its seal", async () => {
  const forgeries: Readonly<Record<string, (maker: Luks2Maker) => void>> = {
    mode: ({ json }) => put(json, "keyslots.2.mode", "decrypt"),
    direction: ({ json }) => put(json, "keyslots.2.direction", "backward"),
    resilience: ({ json }) => put(json, "keyslots.2.area.type", "journal"),
    "area size": ({ json }) => put(json, "keyslots.2.area.size", "8192"),
    "checksum hash": ({ json }) => put(json, "keyslots.2.area.hash", "sha1"),
    "checksum sectors": ({ json }) => put(json, "keyslots.2.area.sector_size", 4096),
    "previous offset": ({ json }) => put(json, "segments.2.offset", "0"),
    "final tweak": ({ json }) => put(json, "segments.3.iv_tweak", "1"),
    "final size": ({ json }) => put(json, "segments.3.size", "512"),
    version: ({ json }) => put(json, "config.requirements", { mandatory: ["online-reencrypt-v3"] }),
    "the seal of another volume": (maker) => seal(maker, [1, 0]),
    "the seal without the old key": (maker) => seal(maker, [1]),
  };
  const checksums = { type: "checksum", hash: "sha256", sector_size: 512 };
  assert.deepEqual(await plaintextOf(reencrypted(2, checksums)), plaintext);
  for (const [name, forge] of Object.entries(forgeries)) {
    const maker = reencrypted(2, checksums);
    forge(maker);
    const header = await headerOf(maker);
    await assert.rejects(
      header.unlock(opening, terms(), signal),
      { code: "HEADER_CORRUPT", message: /nobody with the volume keys noted/ },
      name,
    );
  }
});

test("a forged decryption in progress (CVE-2021-4122) is not opened", async () => {
  const maker = base.copy();
  maker.putData(plaintext);
  const hot = linear(DATA_AT, KIB4, { flags: ["in-reencryption"] });
  const rest = crypt(KIB4, "dynamic", [0]);
  const final = linear(DATA_AT, "dynamic", { flags: ["backup-final"] });
  const decrypting = keyslot({ mode: "decrypt" }, { type: "checksum", hash: "sha1", sector_size: 512 });

  const forged = converting([hot, rest, before, final], decrypting, []);
  const header = await headerOf(forged);
  await assert.rejects(header.unlock(opening, terms(), signal), { code: "HEADER_CORRUPT" });
  assert.throws(() => header.mapping(forged.volume.length), { code: "VOLUME_UNSUPPORTED" });

  put(forged.json, "digests.2", undefined);
  const unsealed = await headerOf(forged);
  assert.match(unsealed.facts.unreadable ?? "", /not sealed/);
  await assert.rejects(unsealed.unlock(opening, terms(), signal), { code: "VOLUME_UNSUPPORTED" });

  put(forged.json, "config.requirements", { mandatory: ["online-reencrypt"] });
  assert.match((await headerOf(forged)).facts.unreadable ?? "", /older than 2\.4\.3/);
});

test("a true decryption in progress is read: what is decrypted in plain, the rest with the key", async () => {
  const segments = [
    linear(DATA_AT, KIB4),
    crypt(KIB4, "dynamic", [0]),
    before,
    linear(DATA_AT, "dynamic", { flags: ["backup-final"] }),
  ];
  const maker = converting(segments, keyslot({ mode: "decrypt" }), [0]);
  maker.volume.set(part(0, KIB4), DATA_AT);
  maker.putData(part(KIB4, DATA_BYTES), { at: DATA_AT + KIB4, ivTweak: 8n });
  assert.deepEqual(await plaintextOf(maker), plaintext);
  const { facts } = await headerOf(maker);
  assert.deepEqual([facts.progress, facts.cipher, facts.keyBits], [0.25, "aes-xts-plain64", 256]);
});

test("a hot zone that may be half written is not read, and named; the key is verified all the same", async () => {
  for (const area of [
    {},
    { type: "checksum", hash: "sha256", sector_size: 512 },
    { type: "journal" },
  ] satisfies MadeObject[]) {
    const hot = crypt(0, KIB4, [0, 1], { flags: ["in-reencryption"] });
    const maker = converting([hot, crypt(KIB4, "dynamic", [0]), before, after], keyslot({}, area), [0, 1]);
    const header = await headerOf(maker);
    assert.match(header.facts.warnings[0]?.message ?? "", /taken while a part was being written/);
    using unlocked = await header.unlock(opening, terms(), signal);
    assert.equal(unlocked.volumeKeys.length, 2);
    assert.throws(() => header.mapping(maker.volume.length), {
      code: "VOLUME_UNSUPPORTED",
      message: new RegExp(`bytes ${DATA_AT} to ${DATA_AT + KIB4} were being written`),
    });
  }
});

/** Encryption that shifts data to the end, taken while its last part but one is being written. */
function shifted(hotIsFirst: boolean): Luks2Maker {
  const moved = DATA_AT + DATA_BYTES - KIB4; // the first part was put aside there
  const flags = { flags: ["in-reencryption"] };
  const backups = [
    linear(0, "dynamic", { flags: ["backup-previous"] }),
    crypt(0, "dynamic", [1], { flags: ["backup-final"] }),
    linear(moved, KIB4, { flags: ["backup-moved-segment"] }),
  ];
  const segments = hotIsFirst
    ? [crypt(0, KIB4, [1], flags), crypt(KIB4, KIB4, [1]), ...backups]
    : [linear(moved, KIB4), crypt(KIB4, KIB4, [1], flags), ...backups];
  const slot = keyslot({ mode: "encrypt", direction: "backward" }, { type: "datashift", shift_size: String(KIB4) });
  const maker = converting(segments, slot, [1]);
  maker.volume.set(part(0, KIB4), moved);
  if (hotIsFirst) maker.putData(part(KIB4, 2 * KIB4), { at: DATA_AT + KIB4, ivTweak: 8n, key: 1 });
  else maker.volume.set(part(KIB4, 2 * KIB4), DATA_AT);
  return maker;
}

test("a hot zone of an encryption that shifts data is read from where its data still lie", async () => {
  for (const hotIsFirst of [false, true]) {
    const maker = shifted(hotIsFirst);
    assert.deepEqual(await plaintextOf(maker), part(0, 2 * KIB4));
    assert.equal((await headerOf(maker)).facts.progress, hotIsFirst ? 0.5 : 0);
  }
  const maker = shifted(false);
  put(maker.json, "segments.4", undefined);
  seal(maker, [1]);
  const header = await headerOf(maker);
  assert.throws(() => header.mapping(maker.volume.length), { code: "VOLUME_UNSUPPORTED" }, "nothing was put aside");
});

test("a hot zone whose data would lie before the device is refused", async () => {
  const maker = shifted(false);
  put(maker.json, "keyslots.2.area.shift_size", String(DATA_AT + 2 * KIB4));
  seal(maker, [1]);
  const header = await headerOf(maker);
  assert.throws(() => header.mapping(maker.volume.length), { code: "HEADER_CORRUPT", message: /segments\.1/ });
});

test("a conversion that is not fully noted is not read, and says what is missing", async () => {
  const reasons: Readonly<Record<string, readonly [(maker: Luks2Maker) => void, RegExp]>> = {
    resilience: [({ json }) => put(json, "keyslots.2.area.type", "hope"), /the resilience hope/],
    "a segment of a third key": [
      (maker) => {
        put(maker.json, "digests.3", maker.digest(0, { segments: ["0"] }));
        put(maker.json, "digests.1.segments", ["3"]);
      },
      /segment 0: its key is not one of those/,
    ],
  };
  for (const [name, [change, message]] of Object.entries(reasons)) {
    const maker = reencrypted();
    change(maker);
    const { facts } = await headerOf(maker);
    assert.deepEqual(facts.state, "unreadable", name);
    assert.match(facts.unreadable ?? "", message, name);
    assert.ok(
      facts.warnings.some(({ code }) => code === "CONVERTING"),
      name,
    );
  }
});

test("each step of a conversion is another identity, since other sectors decrypt in another way", async () => {
  const identities = [reencrypted(), converting([crypt(0, "dynamic", [0]), before, after], keyslot(), [0, 1]), base];
  const all = await Promise.all(identities.map(async (maker) => (await headerOf(maker)).facts.identity));
  assert.equal(new Set(all).size, 3);
});
