import assert from "node:assert/strict";
import { test } from "node:test";

import { AREA_BYTES, DATA_AT, HEADER_BYTES, Luks2Maker, cryptSegment, put } from "#testing/volumes/luks2-maker.ts";
import { headerOf, luks2Sample, passphrase, signal, terms } from "#testing/volumes/luks2-sample.ts";

test("what the header says is shown", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "tokens.3", { type: "luks2-keyring", keyslots: ["1"], key_description: "x" });
  const { facts } = await headerOf(maker.written({ label: "disk\u202e", uuid: "u" }));
  assert.deepEqual(
    {
      ...facts,
      protectors: facts.protectors.map(({ id, kind, unusable }) => ({ id, kind, unusable })),
      identity: "",
      headerDigest: "",
    },
    {
      format: "luks2",
      version: "2",
      cipher: "aes-xts-plain64",
      keyBits: 256,
      sectorBytes: 512,
      uuid: "u",
      label: "disk\\u{202e}",
      state: "encrypted",
      unreadable: null,
      progress: null,
      protectors: [
        { id: "keyslot 0", kind: "passphrase", unusable: null },
        { id: "keyslot 1", kind: "passphrase", unusable: null },
      ],
      tokens: [{ id: 3, type: "luks2-keyring", keyslots: [1] }],
      payload: { offsetBytes: DATA_AT, lengthBytes: 8192 },
      headerRanges: [
        { offsetBytes: 0, lengthBytes: 2 * HEADER_BYTES + 128_000 },
        { offsetBytes: 2 * HEADER_BYTES + AREA_BYTES, lengthBytes: 128_000 },
      ],
      identity: "",
      headerDigest: "",
      warnings: [{ code: "FOREIGN_TOKEN", message: "token 3 (luks2-keyring) belongs to keyslot 1" }],
    },
  );
});

test("a volume opens from its header ranges alone, with the same identities", async () => {
  const maker = luks2Sample.copy();
  const live = await headerOf(maker.written());
  const kept = new Uint8Array(DATA_AT);
  for (const { offsetBytes, lengthBytes } of live.facts.headerRanges) {
    kept.set(maker.volume.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
  }
  const stored = await headerOf(kept);
  assert.equal(stored.facts.identity, live.facts.identity);
  assert.equal(stored.facts.headerDigest, live.facts.headerDigest);
  assert.deepEqual(stored.facts.protectors, live.facts.protectors);
  assert.deepEqual([stored.facts.payload, stored.facts.warnings.map(({ code }) => code)], [null, ["SIZE_IMPOSSIBLE"]]);
  using unlocked = await stored.unlock(passphrase("first"), terms(), signal);
  assert.deepEqual(unlocked.volumeKeys[0]?.bytes, maker.volumeKeys[0]);
  assert.throws(() => stored.mapping(kept.length), { code: "HEADER_CORRUPT" });
});

test("data in plain under a null cipher are told of, and open with the empty passphrase only", async () => {
  const maker = Luks2Maker.make("null segment", [
    { number: 0, passphrase: "" },
    { number: 1, passphrase: "second" },
  ]);
  put(maker.json, "segments.0.encryption", "cipher_null-ecb");
  const header = await headerOf(maker.written());
  assert.deepEqual(
    header.facts.warnings.map(({ code }) => code),
    ["NULL_CIPHER", "NOT_ENCRYPTED"],
  );
  await assert.rejects(header.unlock(passphrase("second"), terms(), signal), {
    code: "SECRET_REJECTED",
    message: /null cipher/,
  });
  using unlocked = await header.unlock(passphrase(""), terms(), signal);
  assert.deepEqual([unlocked.protector?.id, unlocked.volumeKeys], ["keyslot 0", []]);
  assert.deepEqual(header.mapping(maker.volume.length).stretches[0]?.content, {
    kind: "plain",
    sourceOffsetBytes: DATA_AT,
  });
});

test("a linear segment over plain data is not called opened", async () => {
  const maker = luks2Sample.copy();
  put(maker.json, "segments.0", { type: "linear", offset: String(DATA_AT), size: "dynamic" });
  const header = await headerOf(maker.written());
  assert.deepEqual(
    [header.facts.state, header.facts.warnings.map(({ code }) => code)],
    ["unreadable", ["NOT_ENCRYPTED"]],
  );
  await assert.rejects(header.unlock(passphrase("first"), terms(), signal), {
    code: "VOLUME_UNSUPPORTED",
    message: /not encrypted/,
  });
  assert.throws(() => header.mapping(maker.volume.length), { code: "VOLUME_UNSUPPORTED" });
});

test("a digest that verifies nothing is told of, and nothing is opened with it", async () => {
  const faults: Readonly<Record<string, readonly [string, string | number, string]>> = {
    "digest of 3 bytes": ["digest", "AAAA", "HEADER_CORRUPT"],
    "digest of no known length": ["digest", "A".repeat(32), "HEADER_CORRUPT"],
    "digest that is not base64": ["digest", "????", "HEADER_CORRUPT"],
    "short salt": ["salt", "AAAA", "HEADER_CORRUPT"],
    "no iterations": ["iterations", 0, "HEADER_CORRUPT"],
    "more iterations than possible": ["iterations", 2 ** 31, "HEADER_CORRUPT"],
    "hash that is no text": ["hash", 1, "HEADER_CORRUPT"],
    "unknown hash": ["hash", "md4", "VOLUME_UNSUPPORTED"],
    "unknown type": ["type", "hkdf", "VOLUME_UNSUPPORTED"],
  };
  for (const [name, [member, value, code]] of Object.entries(faults)) {
    const maker = luks2Sample.copy();
    put(maker.json, `digests.0.${member}`, value);
    const header = await headerOf(maker.written());
    assert.deepEqual(
      header.facts.warnings.map((warning) => warning.code),
      ["WEAK_DIGEST"],
      name,
    );
    assert.match(header.facts.protectors[0]?.unusable ?? "", /cannot be verified/, name);
    await assert.rejects(header.unlock(passphrase("first"), terms(), signal), { code }, name);
  }
});

test("what is not read here says why, and is not opened", async () => {
  const integrity = { type: "hmac(sha256)", journal_encryption: "none", journal_integrity: "none" };
  const opal = { opal_segment_number: 1, opal_key_size: 32, opal_segment_size: "8192", size: "8192" };
  const reasons: Readonly<Record<string, readonly [string, Parameters<typeof put>[2], RegExp]>> = {
    requirement: ["config.requirements", { mandatory: ["quantum\u001b"] }, /asks for quantum\\x1b/],
    "later conversion": ["config.requirements", { mandatory: ["online-reencrypt-v9"] }, /asks for online-reencrypt-v9/],
    "old conversion": ["config.requirements", { mandatory: ["offline-reencrypt"] }, /offline re-encryption/],
    "inherited name": ["config.requirements", { mandatory: ["constructor"] }, /asks for constructor/],
    opal: ["config.requirements", { mandatory: ["opal"] }, /OPAL/],
    "hardware tags": ["config.requirements", { mandatory: ["inline-hw-tags"] }, /integrity tags/],
    integrity: ["segments.0.integrity", integrity, /segment 0: it has integrity tags \(hmac\(sha256\)\)/],
    "a drive's segment": ["segments.0", cryptSegment({ ...opal, type: "hw-opal-crypt" }), /segment 0: .*OPAL/],
    "segment type": ["segments.0.type", "x", /segment 0: its type x/],
    cipher: ["segments.0.encryption", "aes-gcm-random", /segment 0: cipher aes-gcm-random/],
    "sectors of 3 × 512": ["segments.0.sector_size", 1536, /sectors of 1536 bytes/],
    "sectors of 8192": ["segments.0.sector_size", 8192, /sectors of 8192 bytes/],
    "a tweak inside of a sector": ["segments.0", cryptSegment({ sector_size: 4096, iv_tweak: "1" }), /iv_tweak 1/],
  };
  for (const [name, [path, value, message]] of Object.entries(reasons)) {
    const maker = luks2Sample.copy();
    put(maker.json, path, value);
    const header = await headerOf(maker.written());
    assert.equal(header.facts.state, "unreadable", name);
    assert.match(header.facts.unreadable ?? "", message, name);
    await assert.rejects(
      header.unlock(passphrase("first"), terms(), signal),
      { code: "VOLUME_UNSUPPORTED", message },
      name,
    );
    assert.throws(() => header.mapping(maker.volume.length), { code: "VOLUME_UNSUPPORTED", message }, name);
  }
  const maker = luks2Sample.copy();
  put(maker.json, "segments.0.size", "4096");
  put(maker.json, "segments.1", cryptSegment({ offset: String(DATA_AT + 4096) }));
  put(maker.json, "digests.0.segments", ["0", "1"]);
  assert.match((await headerOf(maker.written())).facts.unreadable ?? "", /it has 2 segments/);
});

test("tokens by which others open the volume are told apart from notes", async () => {
  const maker = luks2Sample.copy();
  for (const [number, type] of [
    "clevis",
    "ssh",
    "systemd-tpm2",
    "systemd-fido2",
    "systemd-pkcs11",
    "systemd-recovery",
    "ssh\u0007",
  ].entries()) {
    put(maker.json, `tokens.${number}`, { type, keyslots: ["0"] });
  }
  const { facts } = await headerOf(maker.written());
  assert.deepEqual(
    facts.warnings.map(({ code }) => code),
    [...Array.from({ length: 6 }, () => "FOREIGN_WAY_IN"), "FOREIGN_TOKEN"],
  );
  assert.equal(facts.tokens[6]?.type, "ssh\\x07");
});

test("more keyslots and tokens than cryptsetup makes are passed over, and told of", async () => {
  const maker = Luks2Maker.make("many", [{ number: 0, passphrase: "first" }]);
  for (let number = 1; number < 50; number++) {
    const offset = String(2 * HEADER_BYTES + AREA_BYTES + number * 512);
    put(maker.json, `keyslots.${number}`, { type: "x", key_size: 1, area: { type: "y", offset, size: "512" } });
    put(maker.json, `tokens.${number}`, { type: "x", keyslots: [] });
  }
  const { facts } = await headerOf(maker.written());
  assert.deepEqual([facts.protectors.length, facts.tokens.length], [32, 32]);
  assert.equal(facts.warnings.filter(({ code }) => code === "ENTRY_IGNORED").length, 2);
});
