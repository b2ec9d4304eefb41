import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import {
  AREA_BYTES,
  DATA_AT,
  HEADER_BYTES,
  Luks2Maker,
  cryptSegment,
  put,
  writeLuks2Headers,
} from "#testing/volumes/luks2-maker.ts";
import type { MadeJson, MadeObject } from "#testing/volumes/luks2-maker.ts";
import { LUKS2_BINARY_BYTES, luks2Checksum } from "#volume/luks2/binary.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const maker = Luks2Maker.make("property", [{ number: 0, passphrase: "open" }]);
const good = maker.written();

/** Reads, maps and asks for everything that takes no derivation. */
async function assertOnlyLockstepErrors(volume: Uint8Array): Promise<void> {
  try {
    const header = await readLuks2(memorySource(volume), signal);
    if (header === null) return;
    JSON.stringify(header.facts);
    header.protectorsFor({ kind: "passphrase" });
    header.mapping(volume.length);
  } catch (error) {
    assert.ok(error instanceof LockstepError, String(error instanceof Error ? error.stack : error));
  }
}

/** Every way into an object, from the top. */
function pathsOf(json: MadeJson, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof json !== "object" || json === null) return [path];
  return [path, ...Object.entries(json).flatMap(([name, value]) => pathsOf(value, [...path, name]))];
}

/** The same volume, being converted: it has more to go wrong. */
const converting = structuredClone(maker.json);
for (const [path, value] of Object.entries({
  "config.requirements": { mandatory: ["online-reencrypt-v2"] },
  "keyslots.2": {
    type: "reencrypt",
    key_size: 1,
    mode: "encrypt",
    direction: "backward",
    area: { type: "datashift", shift_size: "512", offset: String(2 * HEADER_BYTES + 2 * AREA_BYTES), size: "4096" },
  },
  "segments.0": { type: "linear", offset: String(DATA_AT + 4096), size: "4096" },
  "segments.1": cryptSegment({ offset: String(DATA_AT + 512), size: "512", flags: ["in-reencryption"] }),
  "segments.2": { type: "linear", offset: String(DATA_AT + 4096), size: "4096", flags: ["backup-moved-segment"] },
  "segments.3": { type: "linear", offset: "0", size: "dynamic", flags: ["backup-previous"] },
  "segments.4": cryptSegment({ flags: ["backup-final"] }),
  "digests.0.segments": ["1", "4"],
  "digests.1": maker.digest(1, { keyslots: ["2"] }),
})) {
  put(converting, path, value);
}

const paths = [...pathsOf(maker.json), ...pathsOf(converting)].filter((path) => path.length > 0);

const strangeValue = fc.oneof(
  fc.constantFrom<MadeJson>(
    "dynamic",
    "0",
    "18446744073709551615",
    "18446744073709551104",
    "18446744073709551616",
    "",
    "-1",
  ),
  fc.constantFrom<MadeJson>(
    "cipher_null-ecb",
    "aes-cbc-essiv:sha256",
    "serpent-lrw-benbi",
    "capi:xts(aes)-plain64",
    "hw-opal",
  ),
  fc.constantFrom<MadeJson>("luks2", "reencrypt", "linear", "crypt", "argon2id", "pbkdf2", "raw", "luks1", "sha3-512"),
  fc.constantFrom<MadeJson>("backup-final", "in-reencryption", "online-reencrypt-v2", "__proto__", "constructor", "00"),
  fc.integer() as fc.Arbitrary<MadeJson>,
  fc.maxSafeNat() as fc.Arbitrary<MadeJson>,
  fc.double() as fc.Arbitrary<MadeJson>,
  fc.bigInt(0n, 1n << 66n).map(String),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<MadeJson>,
  fc
    .constantFrom(...paths)
    .map((path) => path.reduce<MadeJson>((at, step) => (at as MadeObject | null)?.[step] ?? null, converting)),
);

const change = fc.record({
  path: fc.constantFrom(...paths),
  action: fc.constantFrom("put", "take away", "rename", "add"),
  value: strangeValue,
  name: fc.constantFrom("0", "1", "2", "31", "32", "00", "x", "__proto__", "size", "flags", "priority"),
});

function applied(
  to: MadeObject,
  changes: readonly (typeof change extends fc.Arbitrary<infer T> ? T : never)[],
): MadeObject {
  const json = structuredClone(to);
  for (const { path, action, value, name } of changes) {
    const parent = path
      .slice(0, -1)
      .reduce<MadeJson | undefined>((at, step) => (at as MadeObject | undefined)?.[step], json);
    if (typeof parent !== "object" || parent === null) continue;
    const object = parent as MadeObject;
    const last = path.at(-1) ?? "";
    const before = object[last];
    if (action === "put") object[last] = structuredClone(value);
    if (action === "add") object[name] = structuredClone(value);
    if (action === "take away" || action === "rename") delete object[last];
    if (action === "rename" && before !== undefined) object[name] = before;
  }
  return json;
}

test("no change of the JSON under a right checksum makes it throw anything but a LockstepError", async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(change, { maxLength: 4 }), async (isConverting, changes) => {
      const volume = good.slice();
      writeLuks2Headers(volume, applied(isConverting ? converting : maker.json, changes));
      await assertOnlyLockstepErrors(volume);
    }),
    { numRuns: 150 },
  );
});

test("what is changed in these properties is good before", async () => {
  for (const json of [maker.json, converting]) {
    const volume = good.slice();
    writeLuks2Headers(volume, json);
    const header = await readLuks2(memorySource(volume), signal);
    assert.ok(header !== null && header.facts.unreadable === null);
    assert.ok(header.mapping(volume.length).sizeBytes > 0);
  }
});

test("no bytes changed anywhere, with checksums made right again, make it throw anything but a LockstepError", async () => {
  const text = good.indexOf(0, LUKS2_BINARY_BYTES);
  const place = fc.oneof(fc.nat(511), fc.integer({ min: LUKS2_BINARY_BYTES, max: text + 2 }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 }), async (damages) => {
      const volume = good.slice();
      for (const start of [0, HEADER_BYTES]) {
        for (const [at, to] of damages) volume[start + at] = to;
        volume.set(luks2Checksum(volume.subarray(start, start + HEADER_BYTES), "sha256"), start + 448);
      }
      await assertOnlyLockstepErrors(volume);
    }),
    { numRuns: 150 },
  );
});

test("a volume cut anywhere is LUKS2 and refused, or too short to be it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), async (length) => assertOnlyLockstepErrors(good.subarray(0, length))),
    { numRuns: 60 },
  );
});
