import assert from "node:assert/strict";
import { test } from "node:test";

import { AREA_BYTES, DATA_AT, HEADER_BYTES, arrayAt, put } from "#testing/volumes/luks2-maker.ts";
import type { Luks2Maker, MadeJson } from "#testing/volumes/luks2-maker.ts";
import { headerOf, luks2Sample } from "#testing/volumes/luks2-sample.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";

test("a fingerprint changes with its keyslot and with nothing else, the identity with what decides how sectors decrypt", async () => {
  type Facts = EncryptedHeader["facts"];
  const factsWith = async (change: (maker: Luks2Maker) => void): Promise<Facts> => {
    const maker = luks2Sample.copy();
    change(maker);
    return (await headerOf(maker.written())).facts;
  };
  const before = await factsWith(() => undefined);
  const changedBy = async (change: (maker: Luks2Maker) => void): Promise<readonly string[]> => {
    const after = await factsWith(change);
    const same = after.protectors.filter(
      ({ fingerprint }, index) => fingerprint === before.protectors[index]?.fingerprint,
    );
    return [
      ...(after.headerDigest === before.headerDigest ? [] : ["header"]),
      ...(after.identity === before.identity ? [] : ["identity"]),
      ...after.protectors.filter((protector) => !same.includes(protector)).map(({ id }) => id),
    ];
  };
  const json = (path: string, value: Parameters<typeof put>[2]) => (maker: Luks2Maker) => put(maker.json, path, value);

  assert.deepEqual(await changedBy(() => undefined), []);
  for (const [path, value] of [
    ["kdf.iterations", 4],
    ["kdf.salt", "A".repeat(43) + "="],
    ["kdf.hash", "sha512"],
    ["af.hash", "sha512"],
    ["area.encryption", "aes-xts-plain"],
    ["area.key_size", 64],
    ["key_size", 16],
    ["kdf", { type: "argon2id", time: 1, memory: 64, cpus: 1, salt: "A".repeat(43) + "=" }],
  ] as const) {
    assert.deepEqual(await changedBy(json(`keyslots.1.${path}`, value)), ["header", "keyslot 1"], path);
  }
  const material = (maker: Luks2Maker): void =>
    void maker.volume.fill(7, 2 * HEADER_BYTES + AREA_BYTES + 100, 2 * HEADER_BYTES + AREA_BYTES + 101);
  assert.deepEqual(await changedBy(material), ["header", "keyslot 1"]);
  const digest = json("digests.0.iterations", 9);
  assert.deepEqual(await changedBy(digest), ["header", "identity", "keyslot 0", "keyslot 1"]);

  for (const change of [
    json("tokens.0", { type: "x", keyslots: ["1"] }),
    json("keyslots.1.priority", 2),
    json("config.flags", ["allow-discards"]),
    (maker: Luks2Maker) => void arrayAt(maker.json, "digests.0.keyslots").reverse(),
  ]) {
    assert.deepEqual(await changedBy(change), ["header"]);
  }
  for (const [path, value] of [
    ["segments.0.offset", String(DATA_AT + 512)],
    ["segments.0.size", "4096"],
    ["segments.0.iv_tweak", "1"],
    ["segments.0.encryption", "aes-xts-plain"],
    ["segments.0.sector_size", 1024],
    ["segments.0.integrity", { type: "x", journal_encryption: "none", journal_integrity: "none" }],
    ["config.requirements", { mandatory: ["x"] }],
  ] satisfies [string, MadeJson][]) {
    assert.deepEqual(await changedBy(json(path, value)), ["header", "identity"], path);
  }
  assert.deepEqual(await changedBy((maker) => void maker.volume.fill(7, DATA_AT)), [], "data");
});
