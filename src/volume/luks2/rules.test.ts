import assert from "node:assert/strict";
import { test } from "node:test";

import { AREA_BYTES, DATA_AT, HEADER_BYTES, KEYSLOTS_BYTES } from "#testing/volumes/luks2-maker.ts";
import type { MadeObject } from "#testing/volumes/luks2-maker.ts";
import { assertAllRefused, goodJson, readChanged, reencrypt } from "#testing/volumes/luks2-rules.ts";
import type { Changes } from "#testing/volumes/luks2-rules.ts";

const token = { type: "luks2-keyring", keyslots: ["0"], key_description: "x" };

test("what cryptsetup accepts is accepted", () => {
  const accepted: Readonly<Record<string, Changes>> = {
    "the header as it is": {},
    "no keyslots": { keyslots: {}, "digests.0.keyslots": [] },
    "a token": { "tokens.0": token },
    "a token of a type that nobody knows": { "tokens.7": { type: "x", keyslots: [] } },
    "members that are not known": { "config.new": { x: [1.5, null] }, "keyslots.0.new": true, new: "x" },
    "members that another key derivation left": { "keyslots.0.kdf.time": 4, "keyslots.1.kdf.memory": "x" },
    "a keyslot of a type that nobody knows": { "keyslots.2": { ...reencrypt, type: "x" } },
    "flags that are not known": { "config.flags": ["x"], "segments.0.flags": ["y"] },
    "a requirement that is not known": { "config.requirements": { mandatory: ["x"], optional: 1 } },
    "requirements without mandatory ones": { "config.requirements": {} },
    "a digest of a type that nobody knows": { "digests.1": { type: "x", keyslots: [], segments: [] } },
    "a key of any size for an area": { "keyslots.0.area.key_size": -1 },
    "any priority": { "keyslots.0.priority": 0, "keyslots.1.priority": "x" },
    "a digest that is of no use": { "digests.0.digest": "AAAA", "digests.0.salt": undefined, "digests.0.hash": 1 },
  };
  for (const [name, changes] of Object.entries(accepted)) assert.doesNotThrow(() => readChanged(changes), name);
});

test("the sizes of the JSON area and of the place for keyslots fit the header and the data", () => {
  assertAllRefused({
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
  });
});

test("flags and requirements are lists of texts, with one version of a conversion", () => {
  assertAllRefused({
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
  });
});

test("a token has a type, and keyslots that are there", () => {
  assertAllRefused({
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
  });
});

test("each digest belongs to keyslots and segments that are there, and each keyslot to one digest", () => {
  assertAllRefused({
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
      { "digests.1": { ...((goodJson["digests"] as MadeObject)["0"] as MadeObject), segments: [] } },
      /keyslots\.0: 2 digests/,
    ],
  });
});

test("areas lie behind the headers, within the place for keyslots, and apart", () => {
  assertAllRefused({
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
  });
});
