import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { base64 } from "#bytes/text.ts";
import { seededRandom } from "#testing/random.ts";
import { afSplit } from "#testing/volumes/af-split.ts";
import {
  AREA_BYTES,
  DATA_AT,
  HEADER_BYTES,
  Luks2Maker,
  cryptSegment,
  madeBytes,
  objectAt,
  pbkdf2Digest,
  put,
} from "#testing/volumes/luks2-maker.ts";
import type { MadeObject } from "#testing/volumes/luks2-maker.ts";

import { Trial } from "../cli/trial.ts";
import { run } from "../disk/rig.ts";

const PASSPHRASE = "open sesame";
const KEYSLOT = "keyslots.0";
const MIB = 2 ** 20;

/** A volume with a file system in it, and what is found of it when nothing is wrong. */
type Victim = { readonly trial: Trial; readonly maker: Luks2Maker; readonly plaintext: Uint8Array };

/** A good volume, to be changed and written. Skips the test, and says so, where no file system can be made: null. */
function victim(t: TestContext): Victim | null {
  if (spawnSync("which", ["mkfs.ext4"]).status !== 0) {
    console.error(`NOT TESTED: ${t.name}: needs mkfs.ext4`);
    t.skip("needs mkfs.ext4");
    return null;
  }
  const trial = new Trial(t);
  writeFileSync(trial.path("config.toml"), "");
  writeFileSync(trial.path("pw"), `${PASSPHRASE}\n`);
  run("mkfs.ext4", "-q", "-b", "1024", "-L", "precious", trial.path("fs"), "1024");
  const plaintext = new Uint8Array(readFileSync(trial.path("fs")));
  const maker = Luks2Maker.make("hostile headers", [{ number: 0, passphrase: PASSPHRASE }], plaintext.length);
  maker.putData(plaintext);
  return { trial, maker, plaintext };
}

/** Writes the volume with its changed header, checksums repaired. */
function write({ trial, maker }: Victim, volume = maker.written()): void {
  writeFileSync(trial.path("disk"), volume);
}

type Said = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Runs a command on the volume; whatever comes of it, it was meant to. */
function lockstep({ trial }: Victim, line: string): Said {
  const said = trial.run(`lockstep ${line}`);
  assert.ok(said.status >= 0 && said.status !== 70, `${line}: ${said.status} ${said.stderr}`);
  assert.doesNotMatch(`${said.stdout}${said.stderr}`, /\bbug\b|\bBUG\b|\.ts:\d+|sesame/);
  return said;
}

function inspected(volume: Victim): string {
  return lockstep(volume, "disk inspect disk").stdout;
}

/** The volume's identity, as `disk inspect` gives it. */
function identity({ trial }: Victim): string {
  const document = trial.json("lockstep disk inspect disk") as {
    map: { volumes: { encrypted: { identity: string } }[] };
  };
  const found = document.map.volumes[0]?.encrypted.identity;
  assert.match(found ?? "", /^[0-9a-f]{64}$/);
  return found ?? "";
}

/** Neither command that opens a volume does, and both say why. */
function isRefused(volume: Victim, status: number, code: string, why: RegExp): void {
  for (const line of [
    "volume check disk --passphrase-file pw",
    "volume decrypt disk --passphrase-file pw --to plain",
  ]) {
    const said = lockstep(volume, line);
    assert.equal(said.status, status, said.stdout + said.stderr);
    assert.ok(said.stderr.includes(`[${code}]`), said.stderr);
    assert.match(said.stderr, why);
  }
  assert.equal(volume.trial.run("ls plain").status, 2, "nothing was written");
}

function checked(volume: Victim): Said {
  return lockstep(volume, "volume check disk --passphrase-file pw");
}

test("the volume that the others are made from opens, and has its file system inside", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  write(volume);
  const { status, stdout } = checked(volume);
  assert.equal(status, 0);
  assert.match(stdout, /opened by keyslot 0\ninside: ext4 "precious"/);
  assert.equal(lockstep(volume, "volume decrypt disk --passphrase-file pw --to plain").status, 0);
  assert.deepEqual(new Uint8Array(readFileSync(volume.trial.path("plain"))), volume.plaintext);
});

test("a keyslot with a null cipher, in which a foreign key lies in plain, opens with no passphrase", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  const { maker } = volume;
  // The key of somebody who wants new data to be written with it.
  const foreign = seededRandom("foreign")(32);
  maker.volume.set(afSplit(foreign, 4000, "sha256", maker.random), 2 * HEADER_BYTES);
  put(maker.json, `${KEYSLOT}.area.encryption`, "cipher_null-ecb");
  put(maker.json, "digests.0", { ...pbkdf2Digest(foreign, maker.random), keyslots: ["0"], segments: ["0"] });
  write(volume);
  assert.match(inspected(volume), /the volume key in it lies in plain \[NULL_CIPHER\]/);
  isRefused(volume, 77, "SECRET_REJECTED", /null cipher|no keyslot takes such a secret/);
});

test("a null cipher over a plain file system is called no encryption, and no passphrase opens it", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  const { maker, plaintext } = volume;
  put(maker.json, "segments.0.encryption", "cipher_null-ecb");
  maker.volume.set(plaintext, DATA_AT);
  write(volume);
  const shown = inspected(volume);
  assert.match(shown, /\[NULL_CIPHER\]/);
  assert.match(shown, /\[NOT_ENCRYPTED\]/);
  isRefused(volume, 77, "SECRET_REJECTED", /null cipher/);
});

test("a linear segment over a plain file system is called no encryption, and is not opened", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  const { maker, plaintext } = volume;
  put(maker.json, "segments.0", { type: "linear", offset: String(DATA_AT), size: "dynamic" });
  maker.volume.set(plaintext, DATA_AT);
  write(volume);
  assert.match(inspected(volume), /\[NOT_ENCRYPTED\]/);
  isRefused(volume, 69, "VOLUME_UNSUPPORTED", /stored in plain/);
});

test("a digest of few bytes, which many keys have, verifies none", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  const whole = madeBytes(objectAt(volume.maker.json, "digests.0")["digest"]);
  for (const bytes of [1, 4, 19]) {
    put(volume.maker.json, "digests.0.digest", base64(whole.subarray(0, bytes)));
    write(volume);
    assert.match(inspected(volume), /\[WEAK_DIGEST\]/);
    isRefused(volume, 65, "HEADER_CORRUPT", new RegExp(`it has ${bytes} bytes`));
  }
});

for (const [what, path, value] of [
  ["another iv_tweak", "segments.0.iv_tweak", "8"],
  ["another segment offset", "segments.0.offset", String(DATA_AT + 512)],
  ["another cipher", "segments.0.encryption", "aes-cbc-plain64"],
] as const) {
  test(`${what} makes it another volume, in which nothing is recognised`, (t) => {
    const volume = victim(t);
    if (volume === null) return;
    write(volume);
    const before = identity(volume);
    put(volume.maker.json, path, value);
    write(volume);
    assert.notEqual(identity(volume), before);
    const { stdout } = checked(volume);
    assert.match(stdout, /opened by keyslot 0/); // the key is right: nothing in a header tells
    assert.match(stdout, /inside: unknown; a guess/);
    assert.doesNotMatch(stdout, /ext4|precious/);
  });
}

test("another sector size, with which some sectors still read right, makes it another volume, whose file system is doubted", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  write(volume);
  const before = identity(volume);
  put(volume.maker.json, "segments.0.sector_size", 1024);
  write(volume);
  assert.notEqual(identity(volume), before);
  const { status, stderr } = checked(volume);
  assert.equal(status, 3);
  assert.match(stderr, /\[VOLUME_WARNING\]/);
  const { content } = volume.trial.json("lockstep volume check disk --passphrase-file pw");
  const { verified, problems } = content as { verified: string; problems: { code: string }[] };
  assert.equal(verified, "magic only");
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["CHECKSUM_WRONG"],
  );
});

/** Notes a decryption that nobody began, as somebody without a key would: the first half is said to be plain already. */
function forgeDecryption({ maker }: Victim, requirement: string): void {
  const half = 512 * 1024;
  const backup = (segment: MadeObject, flag: string): MadeObject => ({ ...segment, flags: [flag] });
  put(maker.json, "segments", {
    0: { type: "linear", offset: String(DATA_AT), size: String(half) },
    1: cryptSegment({ offset: String(DATA_AT + half), iv_tweak: String(half / 512) }),
    2: backup(cryptSegment(), "backup-previous"),
    3: backup({ type: "linear", offset: String(DATA_AT), size: "dynamic" }, "backup-final"),
  });
  put(maker.json, "digests.0.segments", ["1", "2"]);
  put(maker.json, "keyslots.1", {
    type: "reencrypt",
    key_size: 1,
    mode: "decrypt",
    direction: "forward",
    area: { type: "none", offset: String(2 * HEADER_BYTES + AREA_BYTES), size: "4096" },
  });
  put(maker.json, "config.requirements", { mandatory: [requirement] });
}

test("a forged decryption in progress is found out with the right passphrase, and not gone along with", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  forgeDecryption(volume, "online-reencrypt-v2");
  const seal = pbkdf2Digest(seededRandom("guess")(100), volume.maker.random);
  put(volume.maker.json, "digests.1", { ...seal, keyslots: ["1"] });
  write(volume);
  assert.match(inspected(volume), /being converted \(decrypt/);
  isRefused(volume, 65, "HEADER_CORRUPT", /decrypt.* nobody with the volume keys noted/);
});

test("a decryption in progress without a seal is not gone along with", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  forgeDecryption(volume, "online-reencrypt-v2");
  write(volume);
  assert.match(inspected(volume), /unreadable/);
  isRefused(volume, 69, "VOLUME_UNSUPPORTED", /not sealed/);
});

test("a decryption in progress in the way of before there were seals is not gone along with", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  forgeDecryption(volume, "online-reencrypt");
  write(volume);
  assert.match(inspected(volume), /unreadable/);
  isRefused(volume, 69, "VOLUME_UNSUPPORTED", /CVE-2021-4122/);
});

const salt = base64(new Uint8Array(32).fill(7));

for (const [what, kdf, shown] of [
  [
    "argon2id that asks for 4 GiB",
    { type: "argon2id", time: 4, memory: 4 * 1024 * 1024, cpus: 4 },
    /argon2id, 4\.0 GiB, 4 passes/,
  ],
  ["argon2i that asks for 4 TiB - 1 KiB", { type: "argon2i", time: 1, memory: 2 ** 32 - 1, cpus: 1 }, /4\.0 TiB/],
  ["argon2id that asks for 2^31 passes", { type: "argon2id", time: 2 ** 31 - 1, memory: 64, cpus: 1 }, /2,147,483,647/],
  [
    "PBKDF2 that asks for 2^31 - 1 rounds",
    { type: "pbkdf2", hash: "sha256", iterations: 2 ** 31 - 1 },
    /2,147,483,647/,
  ],
] as const) {
  test(`${what} is refused before it is paid for, by its cost`, (t) => {
    const volume = victim(t);
    if (volume === null) return;
    put(volume.maker.json, `${KEYSLOT}.kdf`, { ...kdf, salt });
    write(volume);
    assert.match(inspected(volume), shown);
    isRefused(volume, 77, "KDF_TOO_COSTLY", /keyslot 0: .*; allowed are .*60 s/);
  });
}

test("PBKDF2 that asks for 2^31 rounds is refused before it is paid for, by its cost", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  put(volume.maker.json, `${KEYSLOT}.kdf`, { type: "pbkdf2", hash: "sha256", iterations: 2 ** 31, salt });
  write(volume);
  assert.match(inspected(volume), /keyslot 0: pbkdf2, 2,147,483,648 rounds/);
  isRefused(volume, 77, "KDF_TOO_COSTLY", /keyslot 0: .*; allowed are .*60 s/);
});

test("a digest that asks for 2^31 - 1 rounds is refused by its cost too", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  put(volume.maker.json, "digests.0.iterations", 2 ** 31 - 1);
  write(volume);
  isRefused(volume, 77, "KDF_TOO_COSTLY", /allowed are/);
});

/** 32 keyslots of a cost each, none of which the passphrase opens. */
function withManyKeyslots(volume: Victim, kdf: MadeObject): Uint8Array {
  const { json } = volume.maker;
  const areas = 32 * AREA_BYTES;
  const data = 2 * HEADER_BYTES + areas;
  const numbers = Array.from({ length: 32 }, (_, number) => String(number));
  const keyslot = objectAt(json, KEYSLOT);
  for (const number of numbers) {
    const offset = String(2 * HEADER_BYTES + Number(number) * AREA_BYTES);
    put(json, `keyslots.${number}`, {
      ...keyslot,
      kdf: { ...kdf, salt },
      area: { ...objectAt(json, `${KEYSLOT}.area`), offset },
    });
  }
  put(json, "digests.0.keyslots", numbers);
  put(json, "config.keyslots_size", String(areas));
  put(json, "segments.0.offset", String(data));
  const { volumeKeys, random } = volume.maker;
  return new Luks2Maker({ volumeKeys, json, random, volume: new Uint8Array(data + MIB) }).written();
}

test("32 keyslots of the greatest cost are shown with it, and all refused before any is paid for", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  write(volume, withManyKeyslots(volume, { type: "argon2id", time: 2 ** 31 - 1, memory: 2 ** 32 - 1, cpus: 4 }));
  assert.equal(inspected(volume).match(/keyslot \d+: argon2id, 4\.0 TiB/g)?.length, 32);
  isRefused(volume, 77, "KDF_TOO_COSTLY", /allowed are/);
});

test("what a list of secrets would cost on 32 dear keyslots is said before any is tried", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  // Each costs more than is allowed here, so that none is tried.
  write(volume, withManyKeyslots(volume, { type: "pbkdf2", hash: "sha256", iterations: 2 ** 25 }));
  writeFileSync(volume.trial.path("keys.csv"), `name,kind,secret\n,passphrase,${PASSPHRASE}\n,passphrase,other\n`);
  const { status, stdout, stderr } = lockstep(volume, "scan disk --keys keys.csv --max-seconds 1");
  assert.equal(status, 2);
  assert.match(stderr, /^2 secrets: at most \d+ trials, about \d+ min$/m);
  assert.doesNotMatch(stdout, /opened by/);
});

test("eight keyslots of LUKS1 of the greatest cost are refused before any is paid for", (t) => {
  const volume = victim(t);
  if (volume === null) return;
  const { trial } = volume;
  if (spawnSync("which", ["cryptsetup"]).status !== 0) {
    console.error(`NOT TESTED: ${t.name}: needs cryptsetup`);
    t.skip("needs cryptsetup");
    return;
  }
  const quick = "-q --type luks1 --pbkdf-force-iterations 1000";
  trial.prepare("truncate -s 4M disk", "printf %s 'open sesame' >key", `cryptsetup luksFormat ${quick} disk key`);
  const bytes = new Uint8Array(readFileSync(trial.path("disk")));
  const view = new DataView(bytes.buffer);
  for (let number = 0; number < 8; number++) {
    const at = 208 + 48 * number; // LUKS On-Disk Format Specification 1.2.3, figure 2: a key block
    view.setUint32(at, 0x00ac71f3);
    view.setUint32(at + 4, number % 2 === 0 ? 2 ** 31 - 1 : 2 ** 32 - 1);
  }
  writeFileSync(trial.path("disk"), bytes);
  assert.equal(inspected(volume).match(/keyslot \d+: /g)?.length, 8);
  isRefused(volume, 77, "KDF_TOO_COSTLY", /allowed are/);
});
