import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { equalBytes } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { restoreHeader } from "#ops/volumes/restore-header.ts";
import type { RestoredHeader } from "#ops/volumes/restore-header.ts";
import { seededRandom } from "#testing/random.ts";
import { extSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { DATA_AT, Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import { mbrSector } from "#testing/volumes/partition-maker.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const DATA_BYTES = 128 * 1024;

/** A volume with an ext4 file system in it, or with random bytes. */
function made(seed: string, content: "ext4" | "random" = "ext4"): Luks2Maker {
  const maker = Luks2Maker.make(seed, [{ number: 0, passphrase: "right" }], DATA_BYTES);
  const plaintext = content === "random" ? seededRandom(seed)(DATA_BYTES) : new Uint8Array(DATA_BYTES);
  if (content === "ext4") plaintext.set(extSuperblock({ blocks: 32 }), 1024);
  maker.putData(plaintext);
  maker.written();
  return maker;
}

const ours = made("ours");
const wiped = ours.volume.slice().fill(0, 0, DATA_AT);

/** A folder with a disk and a header, and what restores the one to the other. */
async function trial(t: TestContext, disk: Uint8Array, header: Uint8Array) {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-header-"));
  t.after(() => rm(folder, { recursive: true }));
  const [path, headerPath, keepPath] = ["disk", "header", "kept"].map((name) => join(folder, name)) as [string, string, string]; // prettier-ignore
  await writeFile(path, disk);
  await writeFile(headerPath, header.subarray(0, DATA_AT));
  const restore = (passphrase: string | null, volume: string | null = null): Promise<RestoredHeader> => {
    const secret: VolumeSecret =
      passphrase === null ? { kind: "none" } : { kind: "passphrase", secret: new Secret(utf8(passphrase)) };
    const terms = { kdf: new Pbkdf2Deriver(), limit: { memoryKiB: 0, seconds: 60 } };
    return restoreHeader({ path, volume, headerPath, keepPath, secret, ...terms }, signal);
  };
  const assertUntouched = async (): Promise<void> => {
    assert.ok(equalBytes(await readFile(path), disk), "the disk is as it was");
    assert.deepEqual((await readdir(folder)).toSorted(), ["disk", "header"], "nothing was kept, and nothing is left");
  };
  return { path, keepPath, restore, assertUntouched };
}

test("an older header goes back where the one there decrypts the same sectors; what it overwrites is kept", async (t) => {
  const changed = ours.copy();
  changed.addKeyslot({ number: 1, passphrase: "later" });
  const now = changed.written({ sequence: 5 });
  const { path, keepPath, restore } = await trial(t, now, ours.volume);
  const done = await restore(null);
  assert.equal(done.shownBy, "the header on the disk");
  const disk = await readFile(path);
  const kept = await readFile(keepPath);
  assert.equal(kept.length, done.writtenBytes, "the header is in one piece");
  assert.ok(equalBytes(disk.subarray(0, kept.length), ours.volume.subarray(0, kept.length)));
  assert.ok(equalBytes(disk.subarray(kept.length), now.subarray(kept.length)), "nothing behind it was touched");
  assert.ok(equalBytes(kept, now.subarray(0, kept.length)));
});

test("where no header is left, a secret shows that it belongs there by what is inside", async (t) => {
  const { path, keepPath, restore } = await trial(t, wiped, ours.volume);
  const done = await restore("right");
  assert.deepEqual([done.volume, done.shownBy], ["disk", "the secret"]);
  const end = done.writtenBytes;
  assert.ok(equalBytes((await readFile(path)).subarray(0, end), ours.volume.subarray(0, end)));
  assert.ok(equalBytes(await readFile(keepPath), wiped.subarray(0, end)));
});

test("a header goes back to its partition, and not a byte beside it changes", async (t) => {
  const disk = seededRandom("disk")(3 * MIB);
  disk.fill(0, 0, MIB);
  disk.set(mbrSector([{ type: 0x83, first: 2048, sectors: 2048 }, { type: 0x83, first: 4096, sectors: 2048 }])); // prettier-ignore
  const volume = wiped.subarray(0, MIB);
  disk.fill(0, MIB, 2 * MIB);
  disk.set(volume, MIB);
  const before = disk.slice();
  const { path, restore } = await trial(t, disk, ours.volume);
  await assert.rejects(restore("right"), { code: "VOLUME_MISSING" });
  await assert.rejects(restore("right", "3"), { code: "VOLUME_MISSING", message: /has no volume 3; it has 1, 2$/ });
  const { writtenBytes } = await restore("right", "1");
  const after = await readFile(path);
  before.set(ours.volume.subarray(0, writtenBytes), MIB);
  assert.ok(equalBytes(after, before));
});

test("the whole disk can be named in spite of a table over it, and a secret has to show that it is still the volume", async (t) => {
  const divided = ours.volume.slice();
  divided.set(mbrSector([{ type: 0x83, first: 128, sectors: 128 }]).subarray(440), 440);
  const { path, keepPath, restore, assertUntouched } = await trial(t, divided, ours.volume);
  const hint = /the whole disk, .*: --volume disk\.$/;
  await assert.rejects(restore("right", "2"), { code: "VOLUME_MISSING", message: /has no volume 2; it has 1$/, hint });
  await assert.rejects(restore(null, "disk"), { code: "HEADER_MISMATCH", message: /has no readable header/ });
  await assert.rejects(restore("wrong", "disk"), { code: "SECRET_REJECTED" });
  await assertUntouched();
  const done = await restore("right", "disk");
  assert.deepEqual([done.volume, done.shownBy], ["disk", "the secret"]);
  assert.ok(equalBytes(await readFile(path), ours.volume));
  assert.ok(equalBytes(await readFile(keepPath), divided.subarray(0, done.writtenBytes)));

  const other = made("other").volume.slice();
  other.set(divided.subarray(440, 512), 440);
  const foreign = await trial(t, other, ours.volume);
  await assert.rejects(foreign.restore("right", "disk"), {
    code: "HEADER_MISMATCH",
    message: /would show that it belongs there$/,
  });
  await foreign.assertUntouched();
});

test("without a header on the disk and without a secret it is refused, and nothing is written", async (t) => {
  const { restore, assertUntouched } = await trial(t, wiped, ours.volume);
  await assert.rejects(restore(null), { code: "HEADER_MISMATCH", message: /has no readable header/ });
  await assertUntouched();
});

test("with a wrong secret it is refused, and nothing is written", async (t) => {
  const { restore, assertUntouched } = await trial(t, wiped, ours.volume);
  await assert.rejects(restore("wrong"), { code: "SECRET_REJECTED" });
  await assertUntouched();
});

test("a header of another volume is refused, whatever opens it, and nothing is written", async (t) => {
  const other = made("other");
  const readable = await trial(t, other.volume, ours.volume);
  await assert.rejects(readable.restore("right"), { code: "HEADER_MISMATCH", message: /or another volume key$/ });
  await readable.assertUntouched();

  const lost = await trial(t, other.volume.slice().fill(0, 0, DATA_AT), ours.volume);
  const message = /nothing in volume disk of .* can be recognised, which would show that it belongs there$/;
  await assert.rejects(lost.restore("right"), { code: "HEADER_MISMATCH", message });
  await lost.assertUntouched();
});

test("a volume whose content is not recognised takes no header on a secret's word", async (t) => {
  const random = made("random", "random");
  const lost = await trial(t, random.volume.slice().fill(0, 0, DATA_AT), random.volume);
  await assert.rejects(lost.restore("right"), { code: "HEADER_MISMATCH", message: /can be recognised/ });
  await lost.assertUntouched();
});

test("a volume that is plain takes none", async (t) => {
  const plain = new Uint8Array(MIB);
  plain.set(extSuperblock({ blocks: 200 }), 1024);
  const { restore, assertUntouched } = await trial(t, plain, ours.volume);
  await assert.rejects(restore("right"), { code: "HEADER_MISMATCH", message: /is not encrypted: it holds ext4$/ });
  await assertUntouched();
});

test("a file that is no header, or damaged, is refused before the disk is looked at", async (t) => {
  const none = await trial(t, wiped, new Uint8Array(DATA_AT));
  await assert.rejects(none.restore("right"), {
    code: "VOLUME_MISSING",
    message: /is no header of an encrypted volume$/,
  });
  await none.assertUntouched();
  const damaged = await trial(t, ours.volume, ours.volume.slice().fill(0xff, 16, 0x8000));
  await assert.rejects(damaged.restore(null), { code: "HEADER_CORRUPT" });
  await damaged.assertUntouched();
});

test("where what is overwritten cannot be kept, nothing is overwritten", async (t) => {
  const { path, keepPath, restore } = await trial(t, wiped, ours.volume);
  await writeFile(keepPath, "of an earlier one");
  await assert.rejects(restore("right"), { code: "TARGET_EXISTS" });
  assert.ok(equalBytes(await readFile(path), wiped));
  assert.equal(await readFile(keepPath, "utf8"), "of an earlier one");
});
