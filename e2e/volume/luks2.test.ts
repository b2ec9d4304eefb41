import assert from "node:assert/strict";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { hex } from "#bytes/text.ts";
import { memorySource, partOf } from "#volume/source/source.ts";

import { run } from "../disk/rig.ts";
import { keyFile, newFolder, skipUnless } from "./rig.ts";
import {
  bytesOf,
  cryptsetupsKey,
  format,
  headerOf,
  image,
  isGoodForCryptsetup,
  jsonOf,
  openedBy,
  quick,
  secretFile,
} from "./luks2-rig.ts";
import { rewritten } from "./luks2-rewrite.ts";

const MIB = 1024 * 1024;

test("every derivation, cipher, hash and sector size that cryptsetup makes here opens, and gives its volume key", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const argon2 = (kind: string): string[] => [
    "--pbkdf",
    kind,
    "--pbkdf-force-iterations",
    "4",
    "--pbkdf-memory",
    "1024",
  ];
  const kinds: Readonly<Record<string, readonly string[]>> = {
    "aes-xts-plain64 512": [],
    "aes-xts-plain64 256": ["--key-size", "256"],
    "aes-cbc-essiv:sha256 256": ["--cipher", "aes-cbc-essiv:sha256", "--key-size", "256"],
    "aes-cbc-plain64 128": ["--cipher", "aes-cbc-plain64", "--key-size", "128"],
    argon2id: [...argon2("argon2id"), "--pbkdf-parallel", "2"],
    argon2i: argon2("argon2i"),
    sha512: ["--hash", "sha512"],
    sha1: ["--hash", "sha1"],
    ripemd160: ["--hash", "ripemd160"],
    whirlpool: ["--hash", "whirlpool"],
    blake2b: ["--hash", "blake2b-512"],
    sha3: ["--hash", "sha3-256"],
    "1024": ["--sector-size", "1024"],
    "2048": ["--sector-size", "2048"],
    "4096": ["--sector-size", "4096"],
    "large metadata": ["--luks2-metadata-size", "1m", "--luks2-keyslots-size", "2m"],
    "keyslot cipher": ["--keyslot-cipher", "aes-cbc-essiv:sha256", "--keyslot-key-size", "256"],
    "payload at 8 MiB": ["--offset", "16384"],
  };
  for (const [name, options] of Object.entries(kinds)) {
    const path = image(folder, "kind.img");
    try {
      format(path, key, ...options);
    } catch (error) {
      // whirlpool, say, is not in every build.
      console.error(`NOT TESTED: ${name}: ${String(error)}`);
      continue;
    }
    const header = await headerOf(bytesOf(path));
    const { facts } = header;
    assert.deepEqual([facts.unreadable, facts.state, facts.warnings], [null, "encrypted", []], name);
    const json = JSON.parse(jsonOf(path)) as { segments: { "0": { sector_size: number; offset: string } } };
    const { sector_size: sectorBytes, offset } = json.segments[0];
    assert.equal(facts.sectorBytes, /^\d+$/.test(name) ? Number(name) : sectorBytes, name);
    assert.equal(facts.payload?.offsetBytes, Number(offset), name);
    if (name.startsWith("aes")) assert.equal(`${facts.cipher} ${facts.keyBits}`, name);
    assert.equal(facts.uuid, run("cryptsetup", "luksUUID", path), name);
    assert.deepEqual(await openedBy(header, keyFile("open")), [cryptsetupsKey(path, key), "keyslot 0"], name);
    await assert.rejects(openedBy(header, keyFile("opem")), { code: "SECRET_REJECTED" }, name);
  }
});

test("labels, tokens and priorities are read as they were set", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img");
  format(path, key, "--label", "my disk", "--subsystem", "lab");
  run("cryptsetup", "luksAddKey", ...quick, "--key-file", key, path, secretFile(folder, "second"));
  run("cryptsetup", "config", "--priority", "ignore", "--key-slot", "0", path);
  run("cryptsetup", "token", "add", "--key-description", "x", "--key-slot", "1", path);
  const token = join(folder, "token.json");
  writeFileSync(token, JSON.stringify({ type: "clevis", keyslots: ["1"], note: "é\u202e" }).replace("}", ',"x":NaN}'));
  run("cryptsetup", "token", "import", "--json-file", token, path);
  const header = await headerOf(bytesOf(path));
  assert.equal(header.facts.label, "my disk");
  assert.deepEqual(header.facts.tokens, [
    { id: 0, type: "luks2-keyring", keyslots: [1] },
    { id: 1, type: "clevis", keyslots: [1] },
  ]);
  assert.deepEqual(
    header.facts.warnings.map(({ code }) => code),
    ["ENTRY_IGNORED", "FOREIGN_TOKEN", "FOREIGN_WAY_IN"],
  );
  assert.deepEqual(
    header.protectorsFor({ kind: "passphrase" }).map(({ id }) => id),
    ["keyslot 1"],
  );
  await assert.rejects(openedBy(header, keyFile("open")), { code: "SECRET_REJECTED" });
  const expected = cryptsetupsKey(path, secretFile(folder, "second"));
  assert.deepEqual(await openedBy(header, keyFile("second")), [expected, "keyslot 1"]);
  assert.deepEqual(await openedBy(header, keyFile("open"), "keyslot 0"), [expected, "keyslot 0"]);
});

test("adding, changing and removing a passphrase changes the fingerprint of that keyslot and of no other, and not the identity", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const [first, second, third] = ["first", "second", "third"].map((text) => secretFile(folder, text)) as [
    string,
    string,
    string,
  ];
  const path = image(folder, "a.img");
  format(path, first);
  const look = async (): Promise<{ identity: string; slots: Record<string, string> }> => {
    const { facts } = await headerOf(bytesOf(path));
    return {
      identity: facts.identity,
      slots: Object.fromEntries(facts.protectors.map(({ id, fingerprint }) => [id, fingerprint])),
    };
  };
  const before = await look();
  run("cryptsetup", "luksAddKey", ...quick, "--key-file", first, path, second);
  const added = await look();
  assert.deepEqual(Object.keys(added.slots), ["keyslot 0", "keyslot 1"]);
  assert.equal(added.slots["keyslot 0"], before.slots["keyslot 0"]);

  run("cryptsetup", "luksChangeKey", ...quick, "--key-slot", "1", "--key-file", second, path, third);
  const changed = await look();
  assert.equal(changed.slots["keyslot 0"], before.slots["keyslot 0"]);
  assert.notEqual(changed.slots["keyslot 1"], added.slots["keyslot 1"]);

  run("cryptsetup", "token", "add", "--key-description", "x", "--key-slot", "1", path);
  run("cryptsetup", "config", "--label", "new", "--priority", "prefer", "--key-slot", "1", path);
  assert.deepEqual(await look(), changed);

  run("cryptsetup", "luksKillSlot", "-q", "--key-file", third, path, "0");
  assert.deepEqual(await look(), { identity: before.identity, slots: { "keyslot 1": changed.slots["keyslot 1"] } });

  run("cryptsetup", "luksConvertKey", ...quick, "--key-slot", "1", "--key-file", third, path);
  const converted = await look();
  assert.notEqual(converted.slots["keyslot 1"], changed.slots["keyslot 1"]);
  assert.equal(converted.identity, before.identity);

  run("cryptsetup", "luksErase", "-q", path);
  assert.deepEqual(await look(), { identity: before.identity, slots: {} });
});

test("a volume that was LUKS1 before opens with the passphrases that it had", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img");
  run("cryptsetup", "luksFormat", "--type", "luks1", "-q", "--pbkdf-force-iterations", "1000", path, key);
  const expected = cryptsetupsKey(path, key);
  run("cryptsetup", "convert", "-q", "--type", "luks2", path);
  const header = await headerOf(bytesOf(path));
  assert.deepEqual([header.facts.unreadable, header.facts.warnings], [null, []]);
  assert.deepEqual(await openedBy(header, keyFile("open")), [expected, "keyslot 0"]);
});

test("a header backup, a detached header and the header ranges alone open as the volume does", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img");
  format(path, key);
  const expected = [cryptsetupsKey(path, key), "keyslot 0"];
  const live = await headerOf(bytesOf(path));

  const backup = join(folder, "backup");
  run("cryptsetup", "luksHeaderBackup", "--header-backup-file", backup, path);
  const kept = await headerOf(bytesOf(backup));
  assert.deepEqual(kept.facts.protectors, live.facts.protectors);
  assert.deepEqual([kept.facts.identity, kept.facts.headerDigest], [live.facts.identity, live.facts.headerDigest]);
  assert.deepEqual(await openedBy(kept, keyFile("open")), expected);

  const bare = new Uint8Array(16 * MIB);
  const whole = bytesOf(path);
  for (const { offsetBytes, lengthBytes } of live.facts.headerRanges) {
    bare.set(whole.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
  }
  assert.ok(live.facts.headerRanges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) < 300_000);
  assert.deepEqual(await openedBy(await headerOf(bare), keyFile("open")), expected);

  const data = image(folder, "data.img", MIB);
  const detached = join(folder, "detached");
  format(data, key, "--header", detached);
  const header = await headerOf(bytesOf(detached));
  assert.equal(header.facts.payload, null);
  assert.equal(header.mapping(MIB).sizeBytes, MIB);
  assert.deepEqual(await openedBy(header, keyFile("open")), [cryptsetupsKey(detached, key), "keyslot 0"]);
});

test("a header that is damaged in one copy is read where cryptsetup repairs it, and refused where it does not", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img");
  format(path, key);
  const good = bytesOf(path);
  const harms: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
    "primary gone": (bytes) => bytes.fill(0, 0, 16384),
    "primary magic gone": (bytes) => bytes.fill(0, 0, 6),
    "primary JSON damaged": (bytes) => bytes.fill(0x20, 5000, 5001),
    "primary size damaged": (bytes) => bytes.fill(0xff, 8, 9),
    "secondary gone": (bytes) => bytes.fill(0, 16384, 32768),
    "secondary salt damaged": (bytes) => bytes.fill(0, 16384 + 104, 16384 + 110),
    "both damaged": (bytes) => bytes.fill(0xff, 5000, 16384 + 5000),
    "both gone": (bytes) => bytes.fill(0, 0, 32768),
    "later version": (bytes) => bytes.fill(3, 7, 8),
  };
  for (const [name, harm] of Object.entries(harms)) {
    const bytes = good.slice();
    harm(bytes);
    const copy = join(folder, "copy.img");
    writeFileSync(copy, bytes);
    const isGood = isGoodForCryptsetup(copy);
    const header = await headerOf(bytes).catch(() => null);
    assert.equal(header !== null, isGood, name);
    if (header === null) continue;
    assert.deepEqual(
      header.facts.warnings.map(({ code }) => code),
      ["COPY_DAMAGED"],
      name,
    );
    assert.deepEqual(await openedBy(header, keyFile("open")), [cryptsetupsKey(path, key), "keyslot 0"], name);
  }
});

test("a volume in a part of a disk opens there", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img");
  format(path, key);
  const disk = new Uint8Array(40 * MIB);
  disk.set(bytesOf(path), MIB);
  const header = await headerOf(partOf(memorySource(disk), { offsetBytes: MIB, lengthBytes: 24 * MIB }));
  assert.deepEqual(await openedBy(header, keyFile("open")), [cryptsetupsKey(path, key), "keyslot 0"]);
});

test("a null cipher in front of a header that was good is told of, and opens nothing", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const path = image(folder, "a.img");
  format(path, secretFile(folder, "open"));
  const inPlain = '"encryption":"cipher_null-ecb"';
  const changes: Readonly<Record<string, readonly [RegExp, readonly string[]]>> = {
    segment: [/"encryption":"[^"]*"(?=,"sector_size")/, ["NULL_CIPHER", "NOT_ENCRYPTED"]],
    keyslot: [/"encryption":"[^"]*"(?=,"key_size")/, ["NULL_CIPHER"]],
  };
  for (const [name, [where, codes]] of Object.entries(changes)) {
    const bytes = rewritten(bytesOf(path), (json) => json.replace(where, inPlain));
    const copy = join(folder, "copy.img");
    writeFileSync(copy, bytes);
    assert.ok(isGoodForCryptsetup(copy), name);
    const header = await headerOf(bytes);
    assert.deepEqual(
      header.facts.warnings.map(({ code }) => code),
      codes,
      name,
    );
    await assert.rejects(openedBy(header, keyFile("open")), { code: "SECRET_REJECTED" }, name);
  }
});

test("the volume key that cryptsetup shows opens the volume", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img");
  format(path, key);
  const out = join(folder, "key");
  copyFileSync(path, join(folder, "copy.img"));
  run(
    "cryptsetup",
    "luksDump",
    "-q",
    "--dump-volume-key",
    "--volume-key-file",
    out,
    "--key-file",
    key,
    join(folder, "copy.img"),
  );
  const { secret } = keyFile(bytesOf(out)) as Extract<ReturnType<typeof keyFile>, { kind: "key-file" }>;
  const header = await headerOf(bytesOf(path));
  assert.deepEqual(await openedBy(header, { kind: "volume-key", secret }), [hex(bytesOf(out)), "none"]);
  truncateSync(out, 0);
  assert.equal(readFileSync(out).length, 0);
});
