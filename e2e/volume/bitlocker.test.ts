import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { kdfProcess } from "#kdf/kdf-process.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import type { EncryptedHeader, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";

import { run } from "../disk/rig.ts";
import { newFolder, sampleImages, skipUnless, unpacked } from "./rig.ts";

const { signal } = new AbortController();
const PIECE = 4 * 1024 * 1024;

/** What is known of an image; an empty value means that it has no such thing. */
type Expected = Readonly<Record<string, string>>;

function expectations(folder: string): readonly (readonly [name: string, expected: Expected])[] {
  const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Expected>;
  return Object.entries(all);
}

async function readHeader(image: Uint8Array): Promise<EncryptedHeader> {
  return (await readBitlocker(memorySource(image), signal)) ?? assert.fail("not taken for BitLocker");
}

async function unlock(
  header: EncryptedHeader,
  secret: VolumeSecret,
  only: string | null = null,
): Promise<UnlockedVolume> {
  await using kdf = kdfProcess({ memoryMiB: 64, seconds: 60 });
  return await header.unlock(secret, { kdf, limit: { memoryKiB: 0, seconds: 60 }, only }, signal);
}

async function plaintextSha256(image: Uint8Array, header: EncryptedHeader, unlocked: UnlockedVolume): Promise<string> {
  using plain = openPlainVolume(memorySource(image), header.mapping(image.length), unlocked.volumeKeys);
  const hash = createHash("sha256");
  for (let at = 0; at < plain.sizeBytes; at += PIECE) {
    hash.update(await plain.read(at, Math.min(PIECE, plain.sizeBytes - at), signal));
  }
  return hash.digest("hex");
}

/** All secrets of an image, with the protector that each must open. */
function secretsOf(
  folder: string,
  expected: Expected,
): readonly (readonly [secret: VolumeSecret, protector: string])[] {
  const secrets: [VolumeSecret, string][] = [];
  const text = (value: string): Secret => new Secret(utf8(value));
  const { PW, RP, RP2, SK_VMK_GUID, CLEARKEY_VMK_GUID } = expected;
  if (PW) secrets.push([{ kind: "passphrase", secret: text(PW) }, expected["PW_VMK_GUID"] ?? ""]);
  if (RP) secrets.push([{ kind: "recovery-password", secret: text(RP) }, expected["RP_VMK_GUID"] ?? ""]);
  if (RP2) secrets.push([{ kind: "recovery-password", secret: text(RP2) }, expected["RP2_VMK_GUID"] ?? ""]);
  if (SK_VMK_GUID) {
    const file = new Uint8Array(readFileSync(join(folder, `${SK_VMK_GUID.toUpperCase()}.BEK`)));
    secrets.push([{ kind: "startup-key", secret: new Secret(file) }, SK_VMK_GUID]);
  }
  if (CLEARKEY_VMK_GUID) secrets.push([{ kind: "none" }, CLEARKEY_VMK_GUID]);
  return secrets;
}

function warningsFor({ SC_VMK_GUID, CLEARKEY_VMK_GUID }: Expected): readonly string[] {
  return [...(SC_VMK_GUID ? ["FOREIGN_WAY_IN"] : []), ...(CLEARKEY_VMK_GUID ? ["CLEAR_KEY"] : [])];
}

const imageOf = (folder: string, name: string): Uint8Array => unpacked(join(folder, `${name}.img.xz`));

test("every sample image decrypts to what cryptsetup's mapping shows, with every secret that it has", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  const all = expectations(folder);
  assert.ok(all.length >= 12, `${folder} has ${all.length} images`);
  for (const [name, expected] of all) {
    if (!expected["SHA256SUM"]) continue;
    await t.test(name, async () => {
      const image = imageOf(folder, name);
      const header = await readHeader(image);
      const { facts } = header;
      assert.equal(facts.cipher, expected["CIPHER"]);
      assert.equal(facts.uuid, expected["GUID"]);
      assert.equal(facts.state, "encrypted");
      assert.deepEqual(
        facts.warnings.map(({ code }) => code),
        warningsFor(expected),
      );
      const secrets = secretsOf(folder, expected);
      assert.ok(secrets.length > 0);
      for (const [secret, protector] of secrets) {
        using unlocked = await unlock(header, secret);
        assert.equal(unlocked.protector?.id, protector);
        assert.equal(await plaintextSha256(image, header, unlocked), expected["SHA256SUM"]);
      }
    });
  }
});

test("a volume that is encrypted as it is written to is refused for that reason, and described", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  const image = imageOf(folder, "bitlk-aes-xts-128-eow");
  const expected = Object.fromEntries(expectations(folder))["bitlk-aes-xts-128-eow"] ?? assert.fail();
  const header = await readHeader(image);
  assert.equal(header.facts.uuid, expected["GUID"]);
  assert.deepEqual(
    header.facts.warnings.map(({ code }) => code),
    ["CONVERTING"],
  );
  assert.deepEqual(
    header.facts.protectors.map(({ id, kind }) => [id, kind]),
    [
      [expected["PW_VMK_GUID"], "password"],
      [expected["RP_VMK_GUID"], "recovery-password"],
    ],
  );
  for (const [secret] of secretsOf(folder, expected)) {
    const message = /it is encrypted as it is written to, and nothing tells for certain which sectors are/;
    await assert.rejects(unlock(header, secret), { code: "VOLUME_UNSUPPORTED", message });
  }
});

test("a smart card's protector is listed as a way in that is not held here", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  const { facts } = await readHeader(imageOf(folder, "bitlk-aes-xts-128-smart-card"));
  const [card] = facts.protectors;
  assert.equal(card?.kind, "smart-card");
  assert.match(card.unusable ?? "", /private key of a certificate/);
});

test("wrong secrets are rejected, each for its reason", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  const header = await readHeader(imageOf(folder, "bitlk-aes-xts-128"));
  const of = (kind: "passphrase" | "recovery-password", text: string): VolumeSecret => {
    return { kind, secret: new Secret(utf8(text)) };
  };
  await assert.rejects(unlock(header, of("passphrase", "Anaconda")), { code: "SECRET_REJECTED" });
  const another = "042647-302313-590458-071500-554323-116567-412181-516978";
  await assert.rejects(unlock(header, of("recovery-password", another)), { code: "SECRET_REJECTED" });
  const mistyped = another.replace("302313", "302314");
  const message = /group 2 is mistyped/;
  await assert.rejects(unlock(header, of("recovery-password", mistyped)), { code: "SECRET_INVALID", message });
  await assert.rejects(unlock(header, { kind: "none" }), { code: "SECRET_REJECTED" });
});

test("each of the three copies of real metadata is enough; changed with its checksum mended, none is", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  const name = "bitlk-aes-xts-128-clearkey-only";
  const expected = Object.fromEntries(expectations(folder))[name] ?? assert.fail();
  const image = imageOf(folder, name);
  const view = new DataView(image.buffer, image.byteOffset);
  const offsets = [176, 184, 192].map((at) => Number(view.getBigUint64(at, true)));
  const whole = (await readHeader(image)).facts;
  for (const good of offsets) {
    const damaged = Uint8Array.from(image);
    for (const offset of offsets) if (offset !== good) damaged.fill(0x5a, offset + 300, offset + 310);
    const header = await readHeader(damaged);
    assert.deepEqual(
      header.facts.warnings.map(({ code }) => code),
      ["COPY_DAMAGED", "COPY_DAMAGED", "CLEAR_KEY"],
    );
    assert.equal(header.facts.identity, whole.identity);
    assert.equal(header.facts.headerDigest, whole.headerDigest);
    assert.deepEqual(header.facts.protectors, whole.protectors);
    using unlocked = await unlock(header, { kind: "none" });
    assert.equal(await plaintextSha256(damaged, header, unlocked), expected["SHA256SUM"]);
  }

  const forged = Uint8Array.from(image);
  for (const offset of offsets) {
    const blockBytes = 16 * view.getUint16(offset + 8, true);
    const block = forged.subarray(offset, offset + blockBytes);
    block.fill(0x5a, 120, 121); // in the label
    new DataView(forged.buffer).setUint32(offset + blockBytes + 4, crc32(block), true);
  }
  const message = /metadata copy 1 was changed by somebody who does not have the volume's master key/;
  await assert.rejects(unlock(await readHeader(forged), { kind: "none" }), { code: "HEADER_CORRUPT", message });

  const third = offsets[2] ?? assert.fail();
  forged.set(image.subarray(third, third + 64 * 1024), third);
  const header = await readHeader(forged);
  assert.ok(header.facts.warnings.some(({ code }) => code === "COPIES_DIFFER"));
  using unlocked = await unlock(header, { kind: "none" });
  assert.equal(await plaintextSha256(forged, header, unlocked), expected["SHA256SUM"], "the third is as it was");
});

test("a header that was stored alone opens to the same volume key", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  for (const name of ["bitlk-aes-xts-128-startup-key", "bitlk-togo-aes-xts-128"]) {
    const expected = Object.fromEntries(expectations(folder))[name] ?? assert.fail();
    const image = imageOf(folder, name);
    const live = await readHeader(image);
    const stored = new Uint8Array(image.length);
    let storedBytes = 0;
    for (const { offsetBytes, lengthBytes } of live.facts.headerRanges) {
      stored.set(image.subarray(offsetBytes, offsetBytes + lengthBytes), offsetBytes);
      storedBytes += lengthBytes;
    }
    assert.ok(storedBytes < 8192, `${storedBytes} bytes are kept`);
    const kept = await readHeader(stored);
    assert.deepEqual(kept.facts, live.facts);
    const [secret] = secretsOf(folder, expected).at(-1) ?? assert.fail();
    using one = await unlock(live, secret);
    using other = await unlock(kept, secret);
    const given = new Secret(Uint8Array.from(one.volumeKeys[0]?.bytes ?? []));
    using third = await unlock(kept, { kind: "volume-key", secret: given });
    for (const { volumeKeys } of [other, third]) assert.deepEqual(volumeKeys[0]?.bytes, given.bytes);
    given.bytes.set([(given.bytes[0] ?? 0) ^ 1]);
    await assert.rejects(unlock(kept, { kind: "volume-key", secret: given }), { code: "SECRET_REJECTED" });
  }
});

test("cryptsetup finds the same protectors and the same volume key", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz", "cryptsetup")) return;
  const scratch = newFolder(t);
  for (const name of ["bitlk-aes-cbc-256", "bitlk-aes-xts-256", "bitlk-togo-aes-xts-128"]) {
    const expected: Expected = Object.fromEntries(expectations(folder))[name] ?? {};
    const image = imageOf(folder, name);
    const path = join(scratch, `${name}.img`);
    writeFileSync(path, image);
    const dump = run("cryptsetup", "bitlkDump", path);
    const header = await readHeader(image);
    for (const { id } of header.facts.protectors) assert.ok(dump.includes(`GUID:       \t${id}`), `${id} in ${dump}`);

    const out = join(scratch, `${name}.key`);
    const dumped = spawnSync("cryptsetup", ["bitlkDump", "-q", "--dump-volume-key", "--volume-key-file", out, path], {
      input: expected["PW"] ?? "",
      encoding: "utf8",
    });
    assert.equal(dumped.status, 0, dumped.stderr);
    using unlocked = await unlock(header, { kind: "passphrase", secret: new Secret(utf8(expected["PW"] ?? "")) });
    assert.equal(hex(unlocked.volumeKeys[0]?.bytes ?? new Uint8Array()), hex(new Uint8Array(readFileSync(out))));
  }
});
