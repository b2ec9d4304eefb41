import { test } from "node:test";

import { DATA_AT, KEYSLOTS_BYTES, cryptSegment } from "#testing/volumes/luks2-maker.ts";
import type { MadeJson } from "#testing/volumes/luks2-maker.ts";
import { assertRefused, reencrypt } from "#testing/volumes/luks2-rules.ts";

const token = { type: "luks2-keyring", keyslots: ["0"], key_description: "x" };

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

test("a number beyond 64 bits is refused at once, however long it is", () => {
  assertRefused(
    "digits",
    { "segments.0.offset": "9".repeat(30_000) },
    /segments\.0\.offset: "9{40}…": it does not fit 64 bits/,
  );
});
