import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import {
  AREA_BYTES,
  DATA_AT,
  HEADER_BYTES,
  KEYSLOTS_BYTES,
  Luks2Maker,
  cryptSegment,
  put,
} from "#testing/volumes/luks2-maker.ts";
import type { MadeJson, MadeObject } from "#testing/volumes/luks2-maker.ts";
import { parseJsonArea } from "#volume/luks2/json.ts";
import type { Luks2Metadata } from "#volume/luks2/metadata.ts";
import { parseLuks2Metadata } from "#volume/luks2/parse.ts";
import { checkLuks2Rules } from "#volume/luks2/rules.ts";

const good = Luks2Maker.make("rules", [
  { number: 0, passphrase: "a" },
  { number: 1, passphrase: "b" },
]).json;

/** Changes by path; undefined takes away. */
type Changes = Readonly<Record<string, MadeJson | undefined>>;

function changed(changes: Changes): MadeObject {
  const json = structuredClone(good);
  for (const [path, value] of Object.entries(changes)) put(json, path, value);
  return json;
}

function read(json: MadeObject): Luks2Metadata {
  const area = new Uint8Array(64 * 1024);
  area.set(utf8(JSON.stringify(json)));
  const metadata = parseLuks2Metadata(parseJsonArea(area, "header"), "header");
  checkLuks2Rules(metadata, HEADER_BYTES, "header");
  return metadata;
}

function assertRefused(name: string, changes: Changes, message: RegExp): void {
  assert.throws(
    () => read(changed(changes)),
    (error) => {
      assert.ok(error instanceof LockstepError && error.code === "HEADER_CORRUPT", `${name}: ${String(error)}`);
      assert.match(error.message, message, name);
      return true;
    },
    name,
  );
}

const LATER = { "config.requirements": { mandatory: ["online-reencrypt-v9"] } };
const MOVED = { flags: ["backup-previous"] };
const token = { type: "luks2-keyring", keyslots: ["0"], key_description: "x" };
const reencrypt = {
  type: "reencrypt",
  key_size: 1,
  mode: "reencrypt",
  direction: "forward",
  area: { type: "none", offset: String(2 * HEADER_BYTES + 2 * AREA_BYTES), size: "4096" },
};
const shift = { ...reencrypt.area, type: "datashift", shift_size: "512" };
const checksums = { ...reencrypt.area, type: "checksum", hash: "sha256", sector_size: 512 };
const opal = {
  ...cryptSegment({ type: "hw-opal", size: "1024" }),
  opal_segment_number: 1,
  opal_key_size: 32,
  opal_segment_size: "1024",
};

test("what cryptsetup accepts is accepted", () => {
  const accepted: Readonly<Record<string, Changes>> = {
    "the header as it is": {},
    "no keyslots": { keyslots: {}, "digests.0.keyslots": [] },
    "a token": { "tokens.0": token },
    "a token of a type that nobody knows": { "tokens.7": { type: "x", keyslots: [] } },
    "members that are not known": { "config.new": { x: [1.5, null] }, "keyslots.0.new": true, new: "x" },
    "members that another key derivation left": { "keyslots.0.kdf.time": 4, "keyslots.1.kdf.memory": "x" },
    "a keyslot of a type that nobody knows": { "keyslots.2": { ...reencrypt, type: "x" } },
    "a segment of a type that nobody knows": { "segments.0.type": "x" },
    "two data segments": {
      "segments.0.size": "512",
      "segments.1": cryptSegment({ offset: String(DATA_AT + 512) }),
      "digests.0.segments": ["0", "1"],
    },
    "a linear segment that no digest belongs to": {
      "segments.0": { type: "linear", offset: String(DATA_AT), size: "dynamic" },
    },
    "the greatest size": { "segments.0.size": String((1n << 64n) - 512n) },
    "sectors of 3 × 512 bytes": { "segments.0.sector_size": 1536 },
    "the greatest IV tweak": { "segments.0.iv_tweak": String((1n << 64n) - 1n) },
    "a number with leading zeros": { "segments.0.offset": `000${DATA_AT}` },
    "data on another device": { "segments.0.offset": "0" },
    "flags that are not known": { "config.flags": ["x"], "segments.0.flags": ["y"] },
    "a requirement that is not known": { "config.requirements": { mandatory: ["x"], optional: 1 } },
    "requirements without mandatory ones": { "config.requirements": {} },
    "a backup segment": { "segments.1": cryptSegment(MOVED), "digests.0.segments": ["0", "1"] },
    "a digest of a type that nobody knows": { "digests.1": { type: "x", keyslots: [], segments: [] } },
    "a conversion of a version that is not known": { "keyslots.2": reencrypt, ...LATER },
    "one that shifts data": { "keyslots.2": { ...reencrypt, area: shift }, ...LATER },
    "one with checksums": { "keyslots.2": { ...reencrypt, area: checksums }, ...LATER },
    "a key of any size for an area": { "keyslots.0.area.key_size": -1 },
    "any priority": { "keyslots.0.priority": 0, "keyslots.1.priority": "x" },
    "a digest that is of no use": { "digests.0.digest": "AAAA", "digests.0.salt": undefined, "digests.0.hash": 1 },
    "a segment that a drive encrypts": { "segments.0": opal },
  };
  for (const [name, changes] of Object.entries(accepted)) assert.doesNotThrow(() => read(changed(changes)), name);
});

test("a section that is missing or of another type is refused, with its name", () => {
  for (const section of ["keyslots", "tokens", "segments", "digests", "config"]) {
    assertRefused(section, { [section]: undefined }, new RegExp(`header: ${section}: it is missing`));
    assertRefused(section, { [section]: [] }, new RegExp(`header: ${section}: it is not an object`));
  }
});

test("a name that is not a number is refused in every section", () => {
  for (const [section, entry] of [
    ["keyslots", reencrypt],
    ["tokens", token],
    ["segments", cryptSegment()],
    ["digests", {}],
  ] as const) {
    for (const name of ["x", "", "-1", "01", "1e0", " 1"]) {
      assertRefused(`${section} ${name}`, { [section]: { [name]: entry } }, /its name is not a number/);
    }
  }
});

test("a member that is missing or of another type is refused, with its path", () => {
  const members: Readonly<Record<string, readonly MadeJson[]>> = {
    "config.json_size": [12288, "", "-1", "x"],
    "config.keyslots_size": [KEYSLOTS_BYTES, "", "-4096", "4096x"],
    "keyslots.0.type": [1, ""],
    "keyslots.0.key_size": ["32", -1, 4294967296, 1.5, null],
    "keyslots.0.area": [[], "raw"],
    "keyslots.0.area.type": [1, "", "none"],
    "keyslots.0.area.offset": [32768, "-32768", "0x8000", ""],
    "keyslots.0.area.size": [4096, "4096.0", ""],
    "keyslots.0.area.encryption": [1, ""],
    "keyslots.0.area.key_size": ["32", 1.5],
    "keyslots.0.af": ["luks1"],
    "keyslots.0.af.type": ["luks2", ""],
    "keyslots.0.af.stripes": ["4000"],
    "keyslots.0.af.hash": [1, ""],
    "keyslots.0.kdf": [[]],
    "keyslots.0.kdf.type": [1, ""],
    "keyslots.0.kdf.hash": [1, ""],
    "keyslots.0.kdf.iterations": ["3", 3.5],
    "keyslots.0.kdf.salt": [1, ""],
    "segments.0.type": [1, ""],
    "segments.0.offset": [DATA_AT, "-512", "", "18446744073709551616", "dynamic"],
    "segments.0.size": [512, "", "x", "-512"],
    "segments.0.iv_tweak": [0, "", "x", "18446744073709551616"],
    "segments.0.encryption": [1, ""],
    "segments.0.sector_size": ["512", 4294967808, 512.5],
    "digests.0.type": [1, ""],
    "digests.0.keyslots": ["0", { 0: 1 }],
    "digests.0.segments": ["0"],
  };
  for (const [path, others] of Object.entries(members)) {
    const where = new RegExp(`header: ${path.replaceAll(".", "\\.")}: `);
    assertRefused(path, { [path]: undefined }, where);
    for (const other of others) assertRefused(`${path} ${JSON.stringify(other)}`, { [path]: other }, where);
  }
});

test("every rule is kept, and what breaks it is named", () => {
  const broken: Readonly<Record<string, readonly [Changes, RegExp]>> = {
    "JSON area of another size than the header": [{ "config.json_size": "28672" }, /config\.json_size: 28672/],
    "keyslots that are not whole pages": [
      { "config.keyslots_size": "12289" },
      /config\.keyslots_size: 12289 is not a multiple/,
    ],
    "keyslots beyond 128 MiB": [
      { "config.keyslots_size": "134221824", "segments.0.offset": "0" },
      /config\.keyslots_size: 134221824/,
    ],
    "keyslots that reach into the data": [
      { "config.keyslots_size": String(KEYSLOTS_BYTES + 4096) },
      /the data begin at/,
    ],
    "keyslots behind their place": [
      { "config.keyslots_size": String(AREA_BYTES) },
      /keyslots\.1\.area: it ends at byte/,
    ],
    "flags that are no texts": [{ "config.flags": [1] }, /config\.flags\.0: .*no text/],
    "flags that are no array": [{ "config.flags": "x" }, /config\.flags: .*not an array/],
    "requirements that are no object": [{ "config.requirements": [] }, /config\.requirements: /],
    "mandatory requirements that are no array": [
      { "config.requirements": { mandatory: "x" } },
      /requirements\.mandatory: /,
    ],
    "mandatory requirements that are no texts": [{ "config.requirements": { mandatory: [1] } }, /mandatory\.0: /],
    "two versions of a conversion": [
      { "config.requirements": { mandatory: ["online-reencrypt-v2", "online-reencrypt-v9"] } },
      /more than one version/,
    ],
    "a token of no type": [{ "tokens.0": { keyslots: [] } }, /tokens\.0\.type: it is missing/],
    "a token without keyslots": [{ "tokens.0": { type: "x" } }, /tokens\.0\.keyslots: it is missing/],
    "a token of a keyslot that is not there": [
      { "tokens.0": { ...token, keyslots: ["5"] } },
      /tokens\.0\.keyslots: there is no keyslot 5/,
    ],
    "a token of a keyslot by number": [
      { "tokens.0": { ...token, keyslots: [0] } },
      /tokens\.0\.keyslots\.0: .*no text/,
    ],
    "a digest of a keyslot that is not there": [
      { "digests.0.keyslots": ["0", "1", "5"] },
      /digests\.0\.keyslots: there is no keyslot 5/,
    ],
    "a digest of a segment that is not there": [
      { "digests.0.segments": ["0", "1"] },
      /digests\.0\.segments: there is no segment 1/,
    ],
    "a digest of a keyslot with a strange name": [{ "digests.0.keyslots": ["00"] }, /digests\.0\.keyslots: .*entry 0/],
    "a keyslot that no digest belongs to": [{ "digests.0.keyslots": ["0"] }, /keyslots\.1: 0 digests/],
    "a keyslot with two digests": [
      { "digests.1": { ...((good["digests"] as MadeObject)["0"] as MadeObject), segments: [] } },
      /keyslots\.0: 2 digests/,
    ],
    "no segments": [{ segments: {}, "digests.0.segments": [] }, /segments: there is none/],
    "more segments than anybody makes": [
      { segments: Object.fromEntries(Array.from({ length: 33 }, (_, number) => [number, cryptSegment()])) },
      /segments: there are more than 32/,
    ],
    "a gap between segments": [
      { "segments.0.size": "512", "segments.2": cryptSegment({ offset: "0" }) },
      /segments\.2: there is no segment 1/,
    ],
    "no segment 0": [
      { segments: { 1: cryptSegment() }, "digests.0.segments": ["1"] },
      /segments\.1: there is no segment 0/,
    ],
    "only a backup segment": [{ "segments.0": cryptSegment(MOVED) }, /backup segments only/],
    "data behind a backup segment": [
      { "segments.1": cryptSegment(MOVED), "segments.2": cryptSegment(), "digests.0.segments": ["0", "1", "2"] },
      /segments\.2\.flags: a data segment behind/,
    ],
    "a dynamic segment that is not the last": [
      { "segments.1": cryptSegment({ offset: "0", size: "512" }), "digests.0.segments": ["0", "1"] },
      /segments\.0\.size: only the last/,
    ],
    "segments that overlap": [
      {
        "segments.0.size": "1024",
        "segments.1": cryptSegment({ offset: String(DATA_AT + 512) }),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.0: it overlaps segments\.1/,
    ],
    "a segment inside of a dynamic one": [
      {
        "segments.0": cryptSegment({ offset: String(DATA_AT + 512), size: "512" }),
        "segments.1": cryptSegment(),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.1: it overlaps segments\.0/,
    ],
    "a segment whose end does not fit 64 bits": [
      {
        "segments.0.size": String((1n << 64n) - 512n),
        "segments.1": cryptSegment({ offset: String((1n << 64n) - 512n) }),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.0: its end does not fit 64 bits/,
    ],
    "the last of two segments, whose end does not fit 64 bits": [
      {
        "segments.0.size": "512",
        "segments.1": cryptSegment({ offset: String((1n << 64n) - 512n), size: "512" }),
        "digests.0.segments": ["0", "1"],
      },
      /segments\.1: its end does not fit 64 bits/,
    ],
    "an offset inside of a sector": [
      { "segments.0.offset": String(DATA_AT + 1) },
      /segments\.0\.offset: .*multiple of 512/,
    ],
    "a size of 0": [{ "segments.0.size": "0" }, /segments\.0\.size: .*multiple of 512/],
    "a size of half a sector": [{ "segments.0.size": "1000" }, /segments\.0\.size: .*multiple of 512/],
    "a size of half a large sector": [
      { "segments.0.size": "512", "segments.0.sector_size": 4096 },
      /segments\.0\.size: .*sector_size/,
    ],
    "sectors of 0 bytes": [{ "segments.0.sector_size": 0 }, /segments\.0\.sector_size/],
    "sectors of 511 bytes": [{ "segments.0.sector_size": 511 }, /segments\.0\.sector_size/],
    "flags of a segment that are no array": [{ "segments.0.flags": "x" }, /segments\.0\.flags: /],
    "flags of a segment that are no texts": [{ "segments.0.flags": [1] }, /segments\.0\.flags\.0: /],
    "a segment that no digest belongs to": [{ "digests.0.segments": [] }, /segments\.0: no digest/],
    "integrity that is no object": [{ "segments.0.integrity": "x" }, /segments\.0\.integrity/],
    "integrity of no type": [
      { "segments.0.integrity": { journal_encryption: "none", journal_integrity: "none" } },
      /integrity\.type/,
    ],
    "integrity without journal encryption": [
      { "segments.0.integrity": { type: "aead", journal_integrity: "none" } },
      /integrity\.journal_encryption/,
    ],
    "integrity without journal integrity": [
      { "segments.0.integrity": { type: "aead", journal_encryption: "none" } },
      /integrity\.journal_integrity/,
    ],
    "a drive's segment without size": [{ "segments.0": { ...opal, size: "dynamic" } }, /segments\.0\.size: /],
    "a drive's segment without number": [
      { "segments.0": { ...opal, opal_segment_number: "1" } },
      /opal_segment_number/,
    ],
    "a drive's segment without key size": [{ "segments.0": { ...opal, opal_key_size: "1" } }, /opal_key_size/],
    "a drive's segment beyond its range": [
      { "segments.0": { ...opal, opal_segment_size: "512" } },
      /opal_segment_size: .*smaller/,
    ],
    "a drive's segment with a cipher but no tweak": [
      { "segments.0": { ...opal, type: "hw-opal-crypt", iv_tweak: "x" } },
      /segments\.0\.iv_tweak/,
    ],
    "an area inside of the headers": [
      { "keyslots.0.area.offset": String(HEADER_BYTES) },
      /keyslots\.0\.area\.offset: .*headers/,
    ],
    "an area of 0 bytes": [{ "keyslots.0.area.size": "0" }, /keyslots\.0\.area\.size: it is 0/],
    "an area behind the keyslots": [{ "keyslots.0.area.offset": String(DATA_AT) }, /keyslots\.0\.area: it ends/],
    "an area whose end does not fit 64 bits": [
      { "keyslots.0.area.offset": String((1n << 64n) - 1n) },
      /keyslots\.0\.area: it ends/,
    ],
    "areas in one place": [{ "keyslots.1.area.offset": String(2 * HEADER_BYTES) }, /keyslots\.[01]\.area: it overlaps/],
    "areas that overlap by a byte": [
      { "keyslots.0.area.size": String(AREA_BYTES + 1) },
      /keyslots\.0\.area: it overlaps keyslots\.1/,
    ],
    "a keyslot of an unknown type without area": [
      { "keyslots.2": { type: "x", key_size: 1 } },
      /keyslots\.2\.area: it is missing/,
    ],
    "a conversion keyslot with a key": [{ "keyslots.2": { ...reencrypt, key_size: 2 } }, /keyslots\.2\.key_size/],
    "a conversion without mode": [{ "keyslots.2": { ...reencrypt, mode: "x" } }, /keyslots\.2\.mode/],
    "a conversion without direction": [{ "keyslots.2": { ...reencrypt, direction: "up" } }, /keyslots\.2\.direction/],
    "a conversion with checksums of no hash": [
      { "keyslots.2": { ...reencrypt, area: { ...checksums, hash: 1 } } },
      /keyslots\.2\.area\.hash/,
    ],
    "a conversion with checksums of strange sectors": [
      { "keyslots.2": { ...reencrypt, area: { ...checksums, sector_size: 1536 } } },
      /area\.sector_size/,
    ],
    "a conversion that shifts by nothing": [
      { "keyslots.2": { ...reencrypt, area: { ...shift, shift_size: "0" } } },
      /area\.shift_size/,
    ],
    "a conversion that shifts by half a sector": [
      { "keyslots.2": { ...reencrypt, area: { ...shift, shift_size: "256" } } },
      /area\.shift_size/,
    ],
    "a conversion keyslot without a conversion": [{ "keyslots.2": reencrypt }, /keyslots\.2: it notes a conversion/],
    "two conversion keyslots": [
      {
        "keyslots.2": { ...reencrypt, area: { ...reencrypt.area, size: "512" } },
        "keyslots.3": { ...reencrypt, area: { ...reencrypt.area, offset: String(DATA_AT - 512), size: "512" } },
        ...LATER,
      },
      /keyslots\.3: there is another/,
    ],
    "a conversion without keyslot": [
      { "config.requirements": { mandatory: ["online-reencrypt-v2"] } },
      /keyslots: a conversion has begun/,
    ],
    "a conversion without backup segments": [
      { "keyslots.2": reencrypt, "config.requirements": { mandatory: ["online-reencrypt-v2"] } },
      /no backup segments/,
    ],
  };
  for (const [name, [changes, message]] of Object.entries(broken)) assertRefused(name, changes, message);
});

test("while a volume is converted each segment is like it was or like it will be", () => {
  const conversion = (data: MadeObject): Changes => ({
    "config.requirements": { mandatory: ["online-reencrypt-v2"] },
    "keyslots.2": reencrypt,
    "segments.0": cryptSegment(data),
    "segments.1": cryptSegment({ flags: ["backup-previous"] }),
    "segments.2": cryptSegment({ flags: ["backup-final"], encryption: "aes-cbc-essiv:sha256" }),
    "digests.0.segments": ["0", "1", "2"],
  });
  assert.doesNotThrow(() => read(changed(conversion({}))));
  assert.doesNotThrow(() => read(changed(conversion({ encryption: "aes-cbc-essiv:sha256" }))));
  assert.doesNotThrow(() =>
    read(changed(conversion({ encryption: "aes-cbc-essiv:sha256", flags: ["in-reencryption"] }))),
  );
  assertRefused("another cipher", conversion({ encryption: "aes-ecb" }), /segments\.0: it is not like/);
  assertRefused("another type", conversion({ type: "x" }), /segments\.0: it is not like/);
  assertRefused("other sectors", conversion({ sector_size: 4096 }), /segments\.0: it is not like/);
  assertRefused("hot, and like it was", conversion({ flags: ["in-reencryption"] }), /not like the final segment/);
  // A version that is not known is not one of ours to check; such a volume is not read.
  const unknown = { ...conversion({ type: "x" }), "config.requirements": { mandatory: ["online-reencrypt-v9"] } };
  assert.doesNotThrow(() => read(changed(unknown)));
});

test("a number beyond 64 bits is refused at once, however long it is", () => {
  assertRefused(
    "digits",
    { "segments.0.offset": "9".repeat(30_000) },
    /segments\.0\.offset: "9{40}…": it does not fit 64 bits/,
  );
});
