import assert from "node:assert/strict";
import { test } from "node:test";

import { DATA_AT, cryptSegment } from "#testing/volumes/luks2-maker.ts";
import type { MadeObject } from "#testing/volumes/luks2-maker.ts";
import { assertAllRefused, assertRefused, readChanged, reencrypt } from "#testing/volumes/luks2-rules.ts";
import type { Changes } from "#testing/volumes/luks2-rules.ts";

const LATER = { "config.requirements": { mandatory: ["online-reencrypt-v9"] } };
const shift = { ...reencrypt.area, type: "datashift", shift_size: "512" };
const checksums = { ...reencrypt.area, type: "checksum", hash: "sha256", sector_size: 512 };

test("notes of a conversion that cryptsetup accepts are accepted", () => {
  const accepted: Readonly<Record<string, Changes>> = {
    "a conversion of a version that is not known": { "keyslots.2": reencrypt, ...LATER },
    "one that shifts data": { "keyslots.2": { ...reencrypt, area: shift }, ...LATER },
    "one with checksums": { "keyslots.2": { ...reencrypt, area: checksums }, ...LATER },
  };
  for (const [name, changes] of Object.entries(accepted)) assert.doesNotThrow(() => readChanged(changes), name);
});

test("a keyslot that notes a conversion says which, in numbers that are possible", () => {
  assertAllRefused({
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
  });
});

test("a conversion has one keyslot and two backup segments, and only a conversion has", () => {
  assertAllRefused({
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
  });
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
  assert.doesNotThrow(() => readChanged(conversion({})));
  assert.doesNotThrow(() => readChanged(conversion({ encryption: "aes-cbc-essiv:sha256" })));
  assert.doesNotThrow(() =>
    readChanged(conversion({ encryption: "aes-cbc-essiv:sha256", flags: ["in-reencryption"] })),
  );
  assertRefused("another cipher", conversion({ encryption: "aes-ecb" }), /segments\.0: it is not like/);
  assertRefused("another type", conversion({ type: "x" }), /segments\.0: it is not like/);
  assertRefused("other sectors", conversion({ sector_size: 4096 }), /segments\.0: it is not like/);
  assertRefused("hot, and like it was", conversion({ flags: ["in-reencryption"] }), /not like the final segment/);
  // A version that is not known is not one of ours to check; such a volume is not read.
  const unknown = { ...conversion({ type: "x" }), "config.requirements": { mandatory: ["online-reencrypt-v9"] } };
  assert.doesNotThrow(() => readChanged(unknown));
});
