import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { kdfProcess } from "#kdf/kdf-process.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { bindTo, enrolSomeVault, factsOf, presentedOf, prove } from "#testing/keys/presented-volume.ts";
import { bindInput } from "#testing/keys/sample-binding.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

import { newFolder, run, sparseFile } from "../disk/rig.ts";
import { quick, secretFile } from "../volume/luks2-rig.ts";
import { sampleImages, skipUnless, unpacked } from "../volume/rig.ts";

const MIB = 1024 * 1024;
/** What cryptsetup moves the data by. */
const DATA_AT = 16 * MIB;
const costly = ["--pbkdf", "argon2id", "--pbkdf-memory", "65536", "--pbkdf-force-iterations", "4"];

/** A key side that derives in processes of their own, and knows a vault. */
async function proving(t: TestContext): Promise<{ keySide: TestKeySide; derived: () => number }> {
  const kdf = kdfProcess({ memoryMiB: 1024, seconds: 120 });
  let derived = 0;
  const counted: KeyDeriver = {
    derive: (request, secret, signal) => {
      derived++;
      return kdf.derive(request, secret, signal);
    },
  };
  const keySide = await testKeySide(counted);
  t.after(async () => {
    keySide[Symbol.dispose]();
    await kdf[Symbol.asyncDispose]();
  });
  enrolSomeVault(keySide);
  return { keySide, derived: () => derived };
}

/** A file system, made by its own program and encrypted in place by cryptsetup. */
function encrypted(
  folder: string,
  program: string,
  sizeBytes: number,
  options: readonly string[] = ["--batch-mode", ...costly],
): { readonly path: string; readonly key: string } {
  const path = sparseFile(folder, `${program}.img`, sizeBytes);
  run(program, "-q", path);
  run("truncate", "-s", String(sizeBytes + 2 * DATA_AT), path);
  const key = secretFile(folder, "the first passphrase");
  const layout = ["--encrypt", "--type", "luks2", "--reduce-device-size", "32M"];
  run("cryptsetup", "reencrypt", ...layout, ...options, "--key-file", key, path);
  return { path, key };
}

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
const first = { kind: "passphrase", bytes: "the first passphrase" } as const;

for (const { program, sizeBytes, structures } of [
  { program: "mkfs.ext4", sizeBytes: 320 * MIB, structures: 5 },
  { program: "mkfs.xfs", sizeBytes: 320 * MIB, structures: 17 },
]) {
  test(`LUKS2 as cryptsetup makes it, with ${program} inside: reads, and a bit that is wrong is seen`, async (t) => {
    if (skipUnless(t, "cryptsetup", program)) return;
    const { keySide, derived } = await proving(t);
    const image = bytesOf(encrypted(newFolder(t), program, sizeBytes).path);
    await bindTo(keySide, image, "keyslot 0", first);
    const { body, shown } = await prove(keySide, image);
    assert.equal(body.verdict, "reads");
    assert.ok(body.structures[0] >= structures && body.structures[0] === body.structures[1], String(body.structures));
    assert.equal(derived(), 2);
    const bytes = shown.reduce((sum, piece) => sum + piece.bytes.length, 0);
    assert.ok(bytes < MIB, `${bytes} bytes were shown`);

    image[DATA_AT + (program === "mkfs.xfs" ? 600 : 1024 + 200)]! ^= 1;
    const damaged = await prove(keySide, image, { anew: true });
    assert.equal(damaged.body.verdict, "opens, content damaged");
  });
}

test("after a passphrase was changed the header is not bound, and nothing is derived", async (t) => {
  if (skipUnless(t, "cryptsetup", "mkfs.ext4")) return;
  const { keySide, derived } = await proving(t);
  const folder = newFolder(t);
  const { path, key } = encrypted(folder, "mkfs.ext4", 64 * MIB, quick);
  await bindTo(keySide, bytesOf(path), "keyslot 0", first);
  const other = join(folder, "other");
  writeFileSync(other, "the second passphrase");
  run("cryptsetup", "luksChangeKey", ...quick, "--key-file", key, path, other);
  const image = bytesOf(path);
  assert.equal((await prove(keySide, image)).body.verdict, "not bound");
  assert.equal(derived(), 0);
  const [protector] = (await factsOf(image)).protectors;
  await bindTo(keySide, image, protector?.id ?? "", { kind: "passphrase", bytes: "the second passphrase" });
  const { body } = await prove(keySide, image);
  assert.deepEqual([body.verdict, body.version], ["reads", "web01/v2"]);
});

test("an old header in front of data that were re-encrypted opens, and its content is damaged", async (t) => {
  if (skipUnless(t, "cryptsetup", "mkfs.ext4")) return;
  const { keySide } = await proving(t);
  const { path, key } = encrypted(newFolder(t), "mkfs.ext4", 64 * MIB, quick);
  const before = bytesOf(path);
  await bindTo(keySide, before, "keyslot 0", first);
  assert.equal((await prove(keySide, before)).body.verdict, "reads");
  run("cryptsetup", "reencrypt", "--force-offline-reencrypt", ...quick, "--key-file", key, path);
  const after = bytesOf(path);
  assert.equal((await prove(keySide, after)).body.verdict, "not bound");
  const stale = await prove(keySide, after, { header: await presentedOf(before), anew: true });
  assert.deepEqual([stale.body.verdict, stale.body.structures], ["opens, content damaged", [0, 1]]);
});

test("a volume that is half re-encrypted is bound by both of its keys at once, and opens", async (t) => {
  if (skipUnless(t, "cryptsetup", "mkfs.ext4")) return;
  const { keySide } = await proving(t);
  const { path, key } = encrypted(newFolder(t), "mkfs.ext4", 64 * MIB, quick);
  await bindTo(keySide, bytesOf(path), "keyslot 0", first);
  run("cryptsetup", "reencrypt", "--init-only", ...quick, "--key-file", key, path);
  const image = bytesOf(path);
  assert.equal((await factsOf(image)).state, "converting");
  assert.equal((await prove(keySide, image)).body.verdict, "not bound");
  const header = bindInput({ version: "web01/v1", header: await presentedOf(image) });
  const { binding, isNew } = await keySide.as("custodian", "key.bind", header);
  assert.deepEqual([binding.protectorId, isNew], ["keyslot 1", true]);
  const { body } = await prove(keySide, image);
  assert.deepEqual([body.verdict, body.version], ["reads", "web01/v1"]);
});

test("BitLocker volumes of Windows read, by recovery password and by password", async (t) => {
  const folder = sampleImages(t, "bitlocker");
  if (folder === null || skipUnless(t, "xz")) return;
  const { keySide } = await proving(t);
  const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<string, Record<string, string>>;
  for (const name of ["bitlk-aes-xts-128", "bitlk-aes-cbc-elephant-128"]) {
    const image = unpacked(join(folder, `${name}.img.xz`));
    const { RP = "", RP_VMK_GUID = "", PW = "", PW_VMK_GUID = "" } = all[name] ?? {};
    await bindTo(keySide, image, RP_VMK_GUID, { kind: "recovery-password", bytes: RP, keyName: `${name}.RP` });
    const { body } = await prove(keySide, image);
    assert.deepEqual([body.verdict, body.version, body.unproven], ["reads", `${name}.RP/v1`, false]);
    keySide.pass({ hours: 1 });
    await bindTo(keySide, image, PW_VMK_GUID, { kind: "passphrase", bytes: PW, keyName: `${name}.PW` });
    const later = await prove(keySide, image, { anew: true });
    assert.deepEqual([later.body.verdict, later.body.version], ["reads", `${name}.PW/v1`]);
  }
});

test("BitLocker with a whole NTFS inside reads, and a file record that is damaged is seen", async (t) => {
  const samples = sampleImages(t, "bitlocker");
  if (samples === null || skipUnless(t, "xz", "dislocker", "fusermount", "mkfs.ntfs")) return;
  const { keySide } = await proving(t);
  const folder = newFolder(t);
  const path = join(folder, "bitlocker.img");
  writeFileSync(path, unpacked(join(samples, "bitlk-aes-xts-128.img.xz")));
  const ntfs = sparseFile(folder, "ntfs.img", 32 * MIB);
  run("mkfs.ntfs", "-Q", "-F", "-q", ntfs);
  const where = join(folder, "open");
  mkdirSync(where);
  run("dislocker", "-V", path, "-uanaconda", "--", where);
  try {
    run("dd", `if=${ntfs}`, `of=${join(where, "dislocker-file")}`, "conv=notrunc", "bs=1M");
  } finally {
    run("fusermount", "-u", where);
  }
  const image = bytesOf(path);
  await bindTo(keySide, image, "3e55195c-8811-4d9b-97b4-2b9e5f8f5384", { kind: "passphrase", bytes: "anaconda" });
  const { body } = await prove(keySide, image);
  assert.equal(body.verdict, "reads");
  assert.ok(body.structures[0] >= 9 && body.structures[0] === body.structures[1], String(body.structures));

  image[4 * 4096]! ^= 1; // the first record's mark
  assert.equal((await prove(keySide, image, { anew: true })).body.verdict, "opens, content damaged");
});
