import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { put } from "#testing/volumes/luks2-maker.ts";
import type { MadeJson, MadeObject } from "#testing/volumes/luks2-maker.ts";
import { isHashKnown } from "#volume/cipher/hash.ts";
import { luks2Checksum, luksVersion } from "#volume/luks2/binary.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import { memorySource } from "#volume/source/source.ts";

import { run } from "../disk/rig.ts";
import { newFolder, skipUnless } from "./rig.ts";
import { rewritten } from "./luks2-rewrite.ts";
import { bytesOf, format, image, isGoodForCryptsetup, quick, secretFile } from "./luks2-rig.ts";

const { signal } = new AbortController();

/** Both of them; nothing else is changed. */
const HEADERS_BYTES = 32768;

/** Changes by path; undefined takes away. */
type Changes = Readonly<Record<string, MadeJson | undefined>>;

const segment = { type: "crypt", iv_tweak: "0", encryption: "aes-xts-plain64", sector_size: 512 };
const token = { type: "x", keyslots: ["0"] };
const conversion = { type: "reencrypt", key_size: 1, mode: "reencrypt", direction: "forward" };
const area = { type: "none", offset: "1048576", size: "4096" };
const shift = { ...area, type: "datashift", shift_size: "512" };
const sums = { ...area, type: "checksum", hash: "sha256", sector_size: 512 };
const integrity = { type: "x", journal_encryption: "none", journal_integrity: "none" };
const backups = {
  "segments.1": { ...segment, offset: "0", size: "dynamic", flags: ["backup-previous"] },
  "segments.2": { ...segment, offset: "0", size: "dynamic", flags: ["backup-final"] },
  "digests.0.segments": ["0", "1", "2"],
};
const underWay = { "config.requirements": { mandatory: ["online-reencrypt-v2"] } };
const later = { "config.requirements": { mandatory: ["online-reencrypt-v9"] } };
const first = { ...segment, offset: "16777216", size: "512" };

const cases: readonly Changes[] = [
  {},
  { tokens: undefined },
  { keyslots: [] },
  { "tokens.0": token },
  { "tokens.x": token },
  { "tokens.0": { type: "x" } },
  { "tokens.0": { type: "", keyslots: [] } },
  { "tokens.0": { ...token, keyslots: ["7"] } },
  { "tokens.0": { ...token, keyslots: [0] } },
  { "digests.0.keyslots": ["0"] },
  { "digests.0.keyslots": ["0", "1", "7"] },
  { "digests.0.segments": [] },
  { "digests.0.segments": ["0", "7"] },
  { "digests.0.type": 1 },
  { "digests.0.type": "x" },
  { "digests.0.salt": undefined },
  { "digests.0.digest": "AAAA" },
  { "digests.x": { type: "x", keyslots: [], segments: [] } },
  { "digests.1": { type: "x", keyslots: ["0"], segments: [] } },
  { "segments.0.type": undefined },
  { "segments.0.type": "x" },
  { "segments.0.offset": 16777216 },
  { "segments.0.offset": "16777217" },
  { "segments.0.offset": "0" },
  { "segments.0.offset": "00016777216" },
  { "segments.0.offset": "18446744073709551616" },
  { "segments.0.size": "0" },
  { "segments.0.size": "-512" },
  { "segments.0.size": "18446744073709551104" },
  { "segments.0.size": "513" },
  { "segments.0": { ...first, sector_size: 4096 } },
  { "segments.0.iv_tweak": "x" },
  { "segments.0.iv_tweak": undefined },
  { "segments.0.iv_tweak": "18446744073709551615" },
  { "segments.0.encryption": 1 },
  { "segments.0.encryption": "" },
  { "segments.0.encryption": "x" },
  { "segments.0.sector_size": 511 },
  { "segments.0.sector_size": 0 },
  { "segments.0.sector_size": 1536 },
  { "segments.0.sector_size": "512" },
  { "segments.0.flags": "x" },
  { "segments.0.flags": [1] },
  { "segments.0.flags": ["x"] },
  { "segments.0.flags": ["backup-previous"] },
  { "segments.0.integrity": integrity },
  { "segments.0.integrity": { ...integrity, journal_encryption: 1 } },
  { "segments.0.integrity": "x" },
  { "segments.1": first, "digests.0.segments": ["0", "1"] },
  { "segments.0": first, "segments.1": { ...first, offset: "16777728" }, "digests.0.segments": ["0", "1"] },
  { "segments.0": first, "segments.1": { ...first, offset: "16777216" }, "digests.0.segments": ["0", "1"] },
  { "segments.0": first, "segments.1": { ...first, offset: "18446744073709551104" }, "digests.0.segments": ["0", "1"] },
  { "segments.0.offset": "18446744073709551104", "segments.0.size": "512" },
  { "segments.0": first, "segments.2": { ...first, offset: "16777728" }, "digests.0.segments": ["0", "2"] },
  { segments: {}, "digests.0.segments": [] },
  { "segments.0": { type: "linear", offset: "16777216", size: "dynamic" } },
  { "keyslots.0.type": "x" },
  { "keyslots.0.type": "luks2\0x" },
  { "keyslots.0.type": "luks2\0x", "keyslots.0.af": undefined },
  { "segments.0.type": "crypt\0x", "segments.0.iv_tweak": undefined },
  { "segments.0.offset": "16777216\0x" },
  { "digests.0.keyslots": ["0\0x", "1"] },
  { "keyslots\0x": 1 },
  { "keyslots.0.key_size": "64" },
  { "keyslots.0.key_size": -1 },
  { "keyslots.0.key_size": 4294967296 },
  { "keyslots.0.key_size": 64.5 },
  { "keyslots.0.area": undefined },
  { "keyslots.0.area.type": "x" },
  { "keyslots.0.area.offset": "16384" },
  { "keyslots.0.area.offset": "16777216" },
  { "keyslots.0.area.offset": "18446744073709551615" },
  { "keyslots.0.area.size": "0" },
  { "keyslots.0.area.size": "4096" },
  { "keyslots.0.area.size": "18446744073709551615" },
  { "keyslots.0.area.size": "258049" },
  { "keyslots.0.area.encryption": "" },
  { "keyslots.0.area.key_size": "x" },
  { "keyslots.0.af": undefined },
  { "keyslots.0.af.type": "x" },
  { "keyslots.0.af.stripes": "4000" },
  { "keyslots.0.af.hash": 1 },
  { "keyslots.0.kdf": undefined },
  { "keyslots.0.kdf.type": "x" },
  { "keyslots.0.kdf.iterations": "1000" },
  { "keyslots.0.kdf.salt": undefined },
  { "keyslots.0.kdf.time": 4 },
  { "keyslots.0.kdf": { type: "argon2id", time: 1, memory: "x", cpus: 1, salt: "x" } },
  { "keyslots.0.priority": "x" },
  { "keyslots.2": { type: "x", key_size: 1, area } },
  { "keyslots.2": { ...conversion, area } },
  { "keyslots.2": { ...conversion, area }, ...later },
  { "keyslots.2": { ...conversion, area }, ...underWay },
  { "keyslots.2": { ...conversion, area }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area }, ...underWay, ...backups, "segments.2.sector_size": 4096 },
  { "keyslots.2": { ...conversion, area: shift }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area: { ...shift, shift_size: "0" } }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area: sums }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area: { ...sums, sector_size: 1536 } }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area: { ...sums, hash: "" } }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area, mode: "x" }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area, direction: "x" }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area, key_size: 2 }, ...underWay, ...backups },
  { "keyslots.2": { ...conversion, area: { ...area, type: "x" } }, ...underWay, ...backups },
  { ...underWay, ...backups },
  { "config.json_size": "12287" },
  { "config.json_size": "28672" },
  { "config.keyslots_size": "16744449" },
  { "config.keyslots_size": "16748544" },
  { "config.keyslots_size": "4096" },
  { "config.keyslots_size": "134221824", "segments.0.offset": "0" },
  { "config.flags": "x" },
  { "config.flags": [1] },
  { "config.flags": ["x"] },
  { "config.requirements": [] },
  { "config.requirements": { mandatory: "x" } },
  { "config.requirements": { mandatory: [1] } },
  { "config.requirements": { mandatory: ["x"] } },
  { "config.requirements": { mandatory: ["online-reencrypt-v8", "online-reencrypt-v9"] } },
];

/** What is around the JSON, and what is hardly JSON. */
const texts: Readonly<Record<string, (json: string) => string | Uint8Array>> = {
  "space in front": (json) => ` ${json}`,
  "space behind": (json) => `${json} \n`,
  "something behind": (json) => `${json}x`,
  "something behind a zero": (json) => `${json}\0x`,
  "no zero behind": (json) => `${json}${" ".repeat(12288 - json.length)}`,
  "one zero behind": (json) => `${json}${" ".repeat(12287 - json.length)}`,
  "cut short": (json) => json.slice(0, -1),
  "an array": () => "[]",
  "an empty object": () => "{}",
  nothing: () => "",
  "one member twice, the last one good": (json) => json.replace("{", '{"config":1,'),
  "one member twice, the last one bad": (json) => json.replace(/\}$/, ',"config":1}'),
  "numbers that are none": (json) => json.replace("{", '{"x":[NaN,-Infinity],'),
  "a number with a point": (json) => json.replace('"key_size":64', '"key_size":64.0'),
  "a number with an exponent": (json) => json.replace('"key_size":64', '"key_size":64e0'),
  "a number of 26 digits": (json) => json.replace('"key_size":64', '"key_size":64000000000000000000000000'),
  "not UTF-8": (json) => concat(utf8('{"x":"'), Uint8Array.of(0xff), utf8(`",${json.slice(1)}`)),
  "deep, but not too deep": (json) => json.replace("{", `{"x":${"[".repeat(30)}1${"]".repeat(30)},`),
  "too deep": (json) => json.replace("{", `{"x":${"[".repeat(32)}1${"]".repeat(32)},`),
};

/** The place of a volume's headers, and what cryptsetup says when something is written there. */
function judged(t: TestContext, good: Uint8Array, path: string): (headers: Uint8Array) => boolean {
  const copy = `${path}.copy`;
  writeFileSync(copy, good);
  const file = openSync(copy, "r+");
  t.after(() => closeSync(file));
  return (headers) => {
    writeSync(file, headers, 0, HEADERS_BYTES, 0);
    return isGoodForCryptsetup(copy);
  };
}

/** Whether we read it; false: refused. Not LUKS2 at all is refused too. */
async function isReadHere(bytes: Uint8Array, name: string): Promise<{ isRead: boolean; message: string }> {
  try {
    return { isRead: (await readLuks2(memorySource(bytes), signal)) !== null, message: "no LUKS2" };
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    assert.ok(error.code === "HEADER_CORRUPT" || error.code === "VOLUME_UNSUPPORTED", name);
    return { isRead: false, message: error.message };
  }
}

test("a header is refused when cryptsetup refuses it, and read when cryptsetup does", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img", 17 * 1024 * 1024);
  format(path, key);
  run("cryptsetup", "luksAddKey", ...quick, "--key-file", key, path, secretFile(folder, "second"));
  const good = bytesOf(path);
  const judge = judged(t, good, path);
  const changed = (changes: Changes) => (text: string) => {
    const json = JSON.parse(text) as MadeObject;
    for (const [where, value] of Object.entries(changes)) put(json, where, value);
    return JSON.stringify(json);
  };
  const all = [
    ...cases.map(
      (changes) =>
        [JSON.stringify(changes, (_name, value: unknown) => value ?? "(taken away)"), changed(changes)] as const,
    ),
    ...Object.entries(texts),
  ];
  const seen = { refused: 0, accepted: 0 };
  for (const [name, change] of all) {
    const bytes = rewritten(good, change);
    const isGood = judge(bytes);
    seen[isGood ? "accepted" : "refused"]++;
    const { isRead, message } = await isReadHere(bytes, name);
    assert.equal(isRead, isGood, `${name}: ${message}`);
  }
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.refused > 60 && seen.accepted > 30, JSON.stringify(seen));
});

type Edit = (header: Uint8Array, view: DataView) => void;

const u64 =
  (at: number, value: bigint): Edit =>
  (_header, view) =>
    view.setBigUint64(at, value);
const hash =
  (name: string): Edit =>
  (header) => {
    header.fill(0, 72, 104);
    header.set(utf8(name), 72);
  };

/** Changes of a header's fixed part; its checksum is made right afterwards where that is possible. */
const fixedParts: Readonly<Record<string, Edit>> = {
  "as it is": () => undefined,
  "no magic": (header) => header.fill(0, 0, 6),
  "nothing in it": (header) => header.fill(0, 0, 4096),
  "version 0": (_header, view) => view.setUint16(6, 0),
  "version 1": (_header, view) => view.setUint16(6, 1),
  "version 3": (_header, view) => view.setUint16(6, 3),
  "size of 4 KiB": u64(8, 0x1000n),
  "size of 16 KiB and a byte": u64(8, 0x4001n),
  "size of 20 KiB": u64(8, 0x5000n),
  "size of 32 KiB": u64(8, 0x8000n),
  "size of 4 MiB and a byte": u64(8, 0x40_0001n),
  "size of 2^63": u64(8, 1n << 63n),
  "sequence id 0": u64(16, 0n),
  "a greater sequence id": u64(16, 99n),
  "the greatest sequence id": u64(16, (1n << 64n) - 1n),
  "another place": u64(256, 0x8000n),
  "hash sha512": hash("sha512"),
  "hash SHA1": hash("SHA1"),
  "hash md4": hash("md4"),
  "no hash": hash(""),
  "something in the padding": (header) => header.fill(1, 600, 601),
  "JSON that is none": (header) => header.fill(0x5b, 4100, 4101),
};

test("headers with a changed fixed part are refused, or read from the one or the other copy, as by cryptsetup", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const path = image(folder, "a.img", 17 * 1024 * 1024);
  format(path, secretFile(folder, "open"));
  const good = bytesOf(path);
  const judge = judged(t, good, path);
  const seen = { refused: 0, accepted: 0 };
  const edits = Object.entries(fixedParts);
  const nothing = ["as it is", fixedParts["as it is"] ?? assert.fail()] as const;
  // One is changed, the other, or both in the same way.
  const pairs = edits.flatMap((one) => [[one, nothing] as const, [nothing, one] as const, [one, one] as const]);
  for (const [[first, editFirst], [second, editSecond]] of pairs) {
    const bytes = good.slice();
    edit(bytes, 0, editFirst);
    edit(bytes, HEADERS_BYTES / 2, editSecond);
    const isGood = judge(bytes);
    seen[isGood ? "accepted" : "refused"]++;
    const name = `${first} / ${second}`;
    const { isRead, message } = await isReadHere(bytes, name);
    assert.equal(isRead, isGood, `${name}: ${message}`);
  }
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.refused > 15 && seen.accepted > 30, JSON.stringify(seen));
});

/** Changes the header at a place, and mends its checksum as far as its size and hash allow. */
function edit(bytes: Uint8Array, at: number, change: Edit): void {
  const view = new DataView(bytes.buffer, at);
  const rest = bytes.subarray(at);
  change(rest, view);
  const size = view.getBigUint64(8);
  const name = fromUtf8(rest.subarray(72, 104)).replaceAll("\0", "");
  if (size < 4096n || size > bytes.length || !isHashKnown(name)) return;
  rest.fill(0, 448, 512);
  rest.set(luks2Checksum(rest.subarray(0, Number(size)), name), 448);
}

/** What is written over a volume by mistake, or when its disk gets another use. */
const overwriting: readonly (readonly [program: string, ...options: readonly string[]])[] = [
  ["mkfs.vfat"],
  ["mkfs.ext4", "-q", "-F"],
  ["mkfs.ntfs", "-q", "-F", "-f"],
  ["mkswap"],
  ["sfdisk", "-q"],
];

test("what was written over the first header counts, not the second header that it left behind", async (t) => {
  if (skipUnless(t, "cryptsetup", ...overwriting.map(([program]) => program))) return;
  const folder = newFolder(t);
  const path = image(folder, "a.img");
  // The larger the headers are, the more programs leave the second one alone.
  format(path, secretFile(folder, "open"), "--luks2-metadata-size", "64k", "--luks2-keyslots-size", "512k");
  const left: string[] = [];
  for (const [program, ...options] of overwriting) {
    const copy = join(folder, `${program}.img`);
    copyFileSync(path, copy);
    const { status } = spawnSync(program, [...options, copy], { input: ",\n" });
    assert.equal(status, 0, program);
    const bytes = bytesOf(copy);
    if (luksVersion(bytes.subarray(0x10000), "secondary") !== null) left.push(program);
    const isGood = isGoodForCryptsetup(copy);
    assert.equal(isGood, false, program);
    assert.equal((await isReadHere(bytes, program)).isRead, isGood, program);
  }
  assert.ok(left.length > 1, left.join());
});
