import assert from "node:assert/strict";
import { closeSync, copyFileSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { put } from "#testing/luks2-maker.ts";
import type { MadeJson, MadeObject } from "#testing/luks2-maker.ts";
import { readLuks2 } from "#volume/luks2-header.ts";
import { memorySource } from "#volume/source.ts";

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
  { "segments.0": first, "segments.2": { ...first, offset: "16777728" }, "digests.0.segments": ["0", "2"] },
  { segments: {}, "digests.0.segments": [] },
  { "segments.0": { type: "linear", offset: "16777216", size: "dynamic" } },
  { "keyslots.0.type": "x" },
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

test("a header is refused when cryptsetup refuses it, and read when cryptsetup does", async (t) => {
  if (skipUnless(t, "cryptsetup")) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const path = image(folder, "a.img", 17 * 1024 * 1024);
  format(path, key);
  run("cryptsetup", "luksAddKey", ...quick, "--key-file", key, path, secretFile(folder, "second"));
  const good = bytesOf(path);
  const copy = join(folder, "copy.img");
  copyFileSync(path, copy);
  const file = openSync(copy, "r+");
  t.after(() => closeSync(file));
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
    writeSync(file, bytes, 0, HEADERS_BYTES, 0);
    const isGood = isGoodForCryptsetup(copy);
    seen[isGood ? "accepted" : "refused"]++;
    try {
      assert.ok((await readLuks2(memorySource(bytes), signal)) !== null, name);
      assert.ok(isGood, `cryptsetup refuses ${name}`);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      assert.equal(error.code, "HEADER_CORRUPT", name);
      assert.ok(!isGood, `cryptsetup accepts ${name}: ${error.message}`);
    }
  }
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.refused > 60 && seen.accepted > 30, JSON.stringify(seen));
});
