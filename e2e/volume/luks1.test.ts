import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { hex } from "#bytes/text.ts";
import { seededRandom } from "#testing/random.ts";
import { readContent } from "#volume/content.ts";
import { memorySource } from "#volume/source/source.ts";

import { run } from "../disk/rig.ts";
import {
  keyFile,
  newFolder,
  plaintext,
  readHeader,
  sampleImages,
  sha256Hex,
  skipUnless,
  sourceOf,
  unlock,
  unpacked,
  volumeKeyOf,
} from "./rig.ts";

const { signal } = new AbortController();
const rejected = { code: "SECRET_REJECTED" };
const quick = ["--batch-mode", "--pbkdf-force-iterations", "1000"];

/** An image with a file of the passphrase beside it. */
function image(folder: string, name: string, sizeBytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, "");
  truncateSync(path, sizeBytes);
  return path;
}

function secretFile(folder: string, content: string): string {
  const path = join(folder, `secret-${content}`);
  writeFileSync(path, content);
  return path;
}

function format(path: string, key: string, ...options: readonly string[]): void {
  run("cryptsetup", "luksFormat", "--type", "luks1", ...quick, ...options, path, key);
}

function secretFrom(path: string): string[] {
  return ["--object", `secret,id=s0,file=${path}`];
}

/** Runs `qemu-img`, again where it could not measure how fast this machine is. @returns what it said when it failed */
async function qemuImg(...args: readonly string[]): Promise<string | null> {
  for (let tries = 1; ; tries++) {
    const { status, stderr } = spawnSync("qemu-img", args, { encoding: "utf8" });
    if (status === 0) return null;
    if (tries === 20 || !stderr.includes("CPU usage")) return stderr.trim();
    await setTimeout(100);
  }
}

/** The volume key as cryptsetup finds it. */
function cryptsetupsKey(path: string, key: string, out: string): string {
  run("cryptsetup", "luksDump", "-q", "--dump-volume-key", "--volume-key-file", out, "--key-file", key, path);
  return hex(new Uint8Array(readFileSync(out)));
}

test("every sample image opens with its key file, and with no other, and has its file system inside", async (t) => {
  const folder = sampleImages(t, "luks1");
  if (folder === null || skipUnless(t, "xz")) return;
  const names = readdirSync(folder).filter((name) => name.endsWith(".img.xz"));
  assert.ok(names.length >= 4, `${folder} has ${names.length} images`);
  const key = new Uint8Array(readFileSync(join(folder, "keyfile1")));
  for (const name of names) {
    const source = memorySource(unpacked(join(folder, name)));
    const header = await readHeader(source);
    assert.equal(header.facts.unreadable, null, name);
    assert.match(name, new RegExp(header.facts.cipher.replace(":", "-")), name);
    const plain = await plaintext(source, keyFile(key));
    assert.equal(hex(plain.subarray(510, 512)), "55aa", name);
    const volumeId = plain[66] === 0x29 ? plain.subarray(67, 71) : plain.subarray(39, 43);
    assert.equal(hex(volumeId.toReversed()), "deadbabe", name);
    const other = keyFile(key.with(24_999, (key[24_999] ?? 0) ^ 1));
    await assert.rejects(unlock(header, other), rejected, name);
  }
});

test("volumes that cryptsetup made give the volume key that cryptsetup finds", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open sesame");
  let made = 0;
  for (const [cipher, bits, hash] of [
    ["aes-xts-plain64", 256, "sha256"],
    ["aes-xts-plain64", 512, "sha512"],
    ["aes-xts-plain", 256, "blake2b-512"],
    ["aes-cbc-essiv:sha256", 128, "sha1"],
    ["aes-cbc-essiv:sha256", 256, "ripemd160"],
    ["aes-cbc-plain64", 192, "sha224"],
    ["aes-cbc-plain64be", 256, "sha384"],
    ["aes-cbc-plain", 256, "whirlpool"],
    ["aes-cbc-benbi", 256, "sha3-256"],
    ["aes-cbc-null", 256, "blake2s-256"],
    ["aes-lrw-benbi", 384, "sha256"],
    ["aes-ecb", 256, "sha3-512"],
    ["aes", 256, "SHA256"],
  ] as const) {
    const path = image(folder, "volume", 8 * 2 ** 20);
    const options = [
      "luksFormat",
      "--type",
      "luks1",
      ...quick,
      "--cipher",
      cipher,
      "--key-size",
      `${bits}`,
      "--hash",
      hash,
    ];
    const { status, stderr } = spawnSync("cryptsetup", [...options, path, key], { encoding: "utf8" });
    if (status !== 0) {
      console.error(`NOT TESTED: ${cipher} with ${hash}: cryptsetup does not make it here: ${stderr.trim()}`);
      continue;
    }
    const source = sourceOf(path);
    const what = `${cipher} ${bits} ${hash}`;
    const { facts } = await readHeader(source);
    assert.equal(facts.unreadable, null, what);
    assert.equal(facts.keyBits, bits, what);
    assert.equal(facts.uuid, run("cryptsetup", "luksUUID", path), what);
    assert.equal(
      await volumeKeyOf(source, keyFile("open sesame")),
      cryptsetupsKey(path, key, join(folder, what)),
      what,
    );
    await assert.rejects(volumeKeyOf(source, keyFile("open sesam")), rejected, what);
    made++;
  }
  assert.ok(made >= 4, `cryptsetup made ${made} of them`);
});

test("adding, changing and removing a passphrase changes the fingerprint of that keyslot, and the identity never", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const path = image(folder, "volume", 8 * 2 ** 20);
  const [one, two, three] = ["one", "two", "three"].map((content) => secretFile(folder, content)) as [
    string,
    string,
    string,
  ];
  const facts = async () => (await readHeader(sourceOf(path))).facts;
  const prints = async () => new Map((await facts()).protectors.map(({ id, fingerprint }) => [id, fingerprint]));
  const shown = (ids: ReadonlyMap<string, string>): string[] => [...ids.keys()];

  format(path, one);
  const first = await facts();
  const atFirst = await prints();
  assert.deepEqual(shown(atFirst), ["keyslot 0"]);

  run("cryptsetup", "luksAddKey", ...quick, "--key-file", one, "--key-slot", "5", path, two);
  const added = await prints();
  assert.deepEqual(shown(added), ["keyslot 0", "keyslot 5"]);
  assert.equal(added.get("keyslot 0"), atFirst.get("keyslot 0"));

  // Writes the new passphrase to a free keyslot, then removes the old one.
  run("cryptsetup", "luksChangeKey", ...quick, "--key-file", two, "--key-slot", "5", path, three);
  const changed = await prints();
  assert.equal(changed.get("keyslot 0"), atFirst.get("keyslot 0"));
  assert.ok(![...changed.values()].includes(added.get("keyslot 5") ?? ""));
  await assert.rejects(volumeKeyOf(sourceOf(path), keyFile("two")), rejected);
  const { protector } = await unlock(await readHeader(sourceOf(path)), keyFile("three"));
  assert.ok(changed.has(protector?.id ?? ""));

  run("cryptsetup", "luksKillSlot", "--batch-mode", "--key-file", three, path, "0");
  const killed = await prints();
  assert.deepEqual([...killed], [...changed].slice(1));
  const last = await facts();
  assert.equal(last.identity, first.identity);
  assert.notEqual(last.headerDigest, first.headerDigest);

  run("cryptsetup", "luksUUID", "-q", "--uuid", "12345678-1234-1234-1234-123456789abc", path);
  const renamed = await facts();
  assert.deepEqual(await prints(), killed);
  assert.equal(renamed.identity, first.identity);
  assert.notEqual(renamed.headerDigest, last.headerDigest);
  assert.equal(renamed.uuid, "12345678-1234-1234-1234-123456789abc");
});

test("a backup of the header that cryptsetup made has the same identities and gives the same key", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const path = image(folder, "volume", 8 * 2 ** 20);
  const key = secretFile(folder, "open sesame");
  format(path, key);
  const backup = join(folder, "backup");
  run("cryptsetup", "luksHeaderBackup", path, "--header-backup-file", backup);
  const live = await readHeader(sourceOf(path));
  const stored = await readHeader(sourceOf(backup));
  assert.equal(stored.facts.identity, live.facts.identity);
  assert.equal(stored.facts.headerDigest, live.facts.headerDigest);
  assert.deepEqual(stored.facts.protectors, live.facts.protectors);
  assert.deepEqual(stored.mapping(8 * 2 ** 20), live.mapping(8 * 2 ** 20));
  const secret = keyFile("open sesame");
  assert.equal(await volumeKeyOf(sourceOf(backup), secret), await volumeKeyOf(sourceOf(path), secret));
});

test("volumes that QEMU filled decrypt to what went in, byte for byte", async (t) => {
  if (skipUnless(t, "qemu-img")) return;
  const folder = newFolder(t);
  const content = seededRandom("content")(2 * 2 ** 20);
  const raw = join(folder, "raw");
  writeFileSync(raw, content);
  const key = secretFile(folder, "pw");
  let made = 0;
  // Not those with keys of 192 bits: their keyslots are no whole sectors, at which QEMU 7.2 fails.
  for (const [cipher, mode, ivgen, hash] of [
    ["aes-256", "xts", "plain64", "sha256"],
    ["aes-128", "xts", "plain", "sha512"],
    ["aes-256", "cbc", "essiv:sha256", "ripemd160"],
    ["aes-128", "ecb", "", "sha224"],
    ["serpent-256", "xts", "plain64", "sha1"],
    ["serpent-128", "cbc", "plain64", "sha256"],
    ["twofish-256", "cbc", "essiv:sha256", "sha384"],
    ["twofish-128", "xts", "plain64", "sha256"],
  ] as const) {
    const path = join(folder, "volume");
    const what = `${cipher}-${mode}-${ivgen} ${hash}`;
    const [iv = "", ivHash] = ivgen.split(":");
    const options = [
      "key-secret=s0,iter-time=10",
      `cipher-alg=${cipher},cipher-mode=${mode},hash-alg=${hash}`,
      ...(iv === "" ? [] : [`ivgen-alg=${iv}`]),
      ...(ivHash === undefined ? [] : [`ivgen-hash-alg=${ivHash}`]),
    ].join(",");
    const refusal = await qemuImg("convert", "-f", "raw", "-O", "luks", ...secretFrom(key), "-o", options, raw, path);
    if (refusal !== null) {
      console.error(`NOT TESTED: ${what}: qemu-img does not make it here: ${refusal}`);
      continue;
    }
    const source = sourceOf(path);
    const plain = await plaintext(source, keyFile("pw"));
    assert.equal(plain.length, content.length, what);
    assert.equal(sha256Hex(plain), sha256Hex(content), what);
    made++;
  }
  assert.ok(made >= 4, `qemu-img made ${made} of them`);
});

test("a disk that QEMU encrypted as a whole has a partition table inside, and says so", async (t) => {
  if (skipUnless(t, "qemu-img", "sfdisk")) return;
  const folder = newFolder(t);
  const raw = image(folder, "raw", 4 * 2 ** 20);
  run("sh", "-c", `printf 'label: gpt\\nsize=1MiB\\nsize=1MiB\\n' | PATH=$PATH:/sbin:/usr/sbin sfdisk --quiet ${raw}`);
  const path = join(folder, "volume");
  const key = secretFile(folder, "pw");
  const options = "key-secret=s0,iter-time=10";
  const refusal = await qemuImg("convert", "-f", "raw", "-O", "luks", ...secretFrom(key), "-o", options, raw, path);
  assert.equal(refusal, null);
  const content = await readContent(memorySource(await plaintext(sourceOf(path), keyFile("pw"))), signal);
  assert.ok(content.kind === "partition table");
  assert.deepEqual([content.type, content.variant, content.verified], ["gpt", "GPT with 2 partitions", "checksum"]);
});

test("a cipher that is not read here is shown, with its reason", async (t) => {
  if (skipUnless(t, "qemu-img")) return;
  const folder = newFolder(t);
  const path = join(folder, "volume");
  const key = secretFile(folder, "pw");
  const options = "key-secret=s0,iter-time=10,cipher-alg=cast5-128,cipher-mode=cbc,ivgen-alg=plain64,hash-alg=sha256";
  const refusal = await qemuImg("create", "-f", "luks", ...secretFrom(key), "-o", options, path, "1M");
  if (refusal !== null) {
    console.error(`NOT TESTED: ${t.name}: qemu-img does not make it here: ${refusal}`);
    t.skip(refusal);
    return;
  }
  const header = await readHeader(sourceOf(path));
  assert.equal(header.facts.state, "unreadable");
  assert.match(header.facts.unreadable ?? "", /cast5/);
  await assert.rejects(unlock(header, keyFile("pw")), { code: "VOLUME_UNSUPPORTED" });
});

test("a header apart from its data, and payloads at odd places, are mapped where cryptsetup says that they are", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open sesame");
  const offsetOf = (path: string): number => {
    const [, sectors] = /Payload offset:\s*(\d+)/.exec(run("cryptsetup", "luksDump", path)) ?? [];
    return Number(sectors) * 512;
  };
  const data = image(folder, "data", 2 * 2 ** 20);
  const apart = image(folder, "header", 4 * 2 ** 20);
  format(data, key, "--header", apart);
  const header = await readHeader(sourceOf(apart));
  assert.equal(offsetOf(apart), 0);
  assert.equal(header.facts.payload, null);
  const [stretch] = header.mapping(2 * 2 ** 20).stretches;
  assert.equal(stretch?.lengthBytes, 2 * 2 ** 20);
  assert.ok(stretch.content.kind === "encrypted" && stretch.content.sourceOffsetBytes === 0);

  for (const [bits, ...options] of [
    [128, "--align-payload=1"],
    [256, "--align-payload=1"],
    [512, "--align-payload=7"],
    [256, "--offset=2056"],
    [128, "--offset=1032"],
    [512, "--offset=4040"],
    [512, "--offset=4096"],
  ] as const) {
    const path = image(folder, "volume", 8 * 2 ** 20);
    const cipher = bits === 128 ? "aes-cbc-plain64" : "aes-xts-plain64";
    format(path, key, "--cipher", cipher, "--key-size", `${bits}`, ...options);
    const { facts } = await readHeader(sourceOf(path));
    assert.equal(facts.payload?.offsetBytes, offsetOf(path), options.join());
    await volumeKeyOf(sourceOf(path), keyFile("open sesame"));
  }
});

test("a header with one field changed is refused where cryptsetup refuses it, and read where it does not", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const path = image(folder, "volume", 4 * 2 ** 20);
  format(path, secretFile(folder, "open sesame"), "--key-size", "256");
  const good = new Uint8Array(readFileSync(path));
  const changes: [what: string, at: number, value: number][] = [
    ["nothing", 8, 0x61657300],
    ["version", 6, 0x00026165],
    ["version", 6, 0x01016165],
    ["hash", 72, 0x78797a00],
    ["key bytes", 108, 0],
    ["key bytes", 108, 33],
    ["key bytes", 108, 64],
    ["key bytes", 108, 0x7fffffff],
    ["payload", 104, 0],
    ["payload", 104, 1],
    ["payload", 104, 8],
    ["payload", 104, 2048],
    ["payload", 104, 2049],
    ["payload", 104, 0xffffffff],
    ["UUID", 168, 0xff1b0a00],
  ];
  for (const number of [0, 3, 7]) {
    const at = 208 + 48 * number;
    for (const value of [0, 0x0000dead, 0x00ac71f3, 1, 0xffffffff]) changes.push([`state ${number}`, at, value]);
    for (const value of [0, 1, 2, 7, 8, 9, 263, 264, 520, 4000, 0x00800000, 0xffffffff]) {
      changes.push([`offset ${number}`, at + 40, value]);
    }
    for (const value of [0, 1, 3999, 4001, 0xffffffff]) changes.push([`stripes ${number}`, at + 44, value]);
  }
  let refused = 0;
  const differ: string[] = [];
  for (const [what, at, value] of changes) {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, value);
    const copy = join(folder, "copy");
    writeFileSync(copy, bytes);
    const isTaken = spawnSync("cryptsetup", ["luksDump", "--type", "luks1", copy]).status === 0;
    let ours: string;
    try {
      const header = await readHeader(memorySource(bytes));
      // Whether the payload is there is not asked by luksDump.
      const isShort = header.facts.warnings.some(({ message }) => message.startsWith("the keyslots end"));
      ours = header.facts.unreadable === null && !isShort ? "taken" : "told";
    } catch {
      ours = "refused";
    }
    if (!isTaken) refused++;
    if (isTaken !== (ours === "taken")) differ.push(`${what} = ${value}: ours ${ours}, cryptsetup ${String(isTaken)}`);
  }
  assert.ok(refused > 20, `cryptsetup refused ${refused}`);
  assert.deepEqual(differ, []);
});

test("cryptsetup opens what it says it opens when a keyslot's state is damaged, and so do we", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const path = image(folder, "volume", 4 * 2 ** 20);
  const [one, two] = [secretFile(folder, "one"), secretFile(folder, "two")];
  format(path, one);
  run("cryptsetup", "luksAddKey", ...quick, "--key-file", one, path, two);
  const copy = join(folder, "copy");
  copyFileSync(path, copy);
  const bytes = new Uint8Array(readFileSync(copy));
  bytes[208 + 3] = 0; // keyslot 0's state
  writeFileSync(copy, bytes);
  assert.equal(await volumeKeyOf(sourceOf(copy), keyFile("two")), cryptsetupsKey(copy, two, join(folder, "key")));
  await assert.rejects(volumeKeyOf(sourceOf(copy), keyFile("one")), rejected);
  const opened = spawnSync("cryptsetup", ["open", "--test-passphrase", "--key-file", one, copy]);
  assert.notEqual(opened.status, 0);
});
