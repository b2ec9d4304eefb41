import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Secret } from "#bytes/secret.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { bekFile, bytesFrom, u64 } from "#testing/volumes/bitlocker-entry-maker.ts";
import { forge, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import type { BitlockerRecipe, MadeVolume } from "#testing/volumes/bitlocker-maker.ts";
import { readBitlocker } from "#volume/bitlocker/header.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";

import { later, newFolder } from "../disk/rig.ts";
import { skipUnless } from "./rig.ts";

// The unit tests show that our reader reads the volumes that are made for it. These show that other readers read them too:
// so the maker and the reader do not agree on a mistake. A startup key opens them, which is not stretched.

const { signal } = new AbortController();
const GUID = "40000000-0000-4000-8000-000000000004";
const key = bytesFrom("bek", 32);
const SECTOR = 512;

const whole: Readonly<Record<string, BitlockerRecipe>> = {
  "elephant-128": { method: 0x8000 },
  "elephant-256": { method: 0x8001 },
  "cbc-128": { method: 0x8002 },
  "cbc-256": { method: 0x8003 },
  "xts-128": { method: 0x8004 },
  "large-sectors": { sectorBytes: 4096 },
  "large-sectors-cbc": { sectorBytes: 4096, method: 0x8003 },
  "to-go": { layout: "togo" },
  "windows-7": { method: 0x8000, movedBootEntry: "short" },
};
const partly: Readonly<Record<string, BitlockerRecipe>> = {
  "encryption-paused": { state: [5, 4], encryptedBytes: 0x22200 },
  "paused-early": { state: [5, 4], encryptedBytes: 0x10000 },
  "paused-in-boot-sectors": { state: [5, 4], encryptedBytes: 0x1a200 },
  "decryption-paused": { state: [5, 1], encryptedBytes: 0x42000 },
};

function make(recipe: BitlockerRecipe): MadeVolume {
  const protector = { kind: "startup-key", guid: GUID, key, label: "ExternalKey" } as const;
  return makeBitlocker({ ...recipe, protectors: [protector], isWhole: true });
}

/** Writes an image and its startup key. */
function put(folder: string, name: string, image: Uint8Array): { readonly image: string; readonly bek: string } {
  const paths = { image: join(folder, `${name}.img`), bek: join(folder, "key.BEK") };
  writeFileSync(paths.image, image);
  writeFileSync(paths.bek, bekFile(GUID, key));
  return paths;
}

/** What dislocker makes of a volume. */
function dislocked(folder: string, name: string, image: Uint8Array): Uint8Array {
  const paths = put(folder, name, image);
  const out = join(folder, `${name}.plain`);
  const { status, stdout, stderr } = spawnSync("dislocker-file", ["-V", paths.image, "-f", paths.bek, "--", out], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  return new Uint8Array(readFileSync(out));
}

/** The first bytes of what libbde's FUSE mount shows. */
async function bdeMounted(t: TestContext, folder: string, name: string, made: MadeVolume): Promise<Uint8Array> {
  const paths = put(folder, name, made.image);
  const at = join(folder, `${name}.mounted`);
  mkdirSync(at);
  later(t, () => void spawnSync("fusermount", ["-u", at]));
  const { status, stderr } = spawnSync("bdemount", ["-s", paths.bek, paths.image, at], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  const count = made.plain.length / SECTOR;
  for (let tries = 0; ; tries++) {
    // The mount takes the volume's size from fields that say something else here, and is longer than the image.
    const read = spawnSync("dd", [`if=${join(at, "bde1")}`, `bs=${SECTOR}`, `count=${count}`], { maxBuffer: 2 ** 26 });
    if (read.status === 0) return new Uint8Array(read.stdout);
    assert.ok(tries < 100, String(read.stderr));
    await setTimeout(100);
  }
}

function assertSame(
  found: Uint8Array,
  made: MadeVolume,
  end = made.plain.length,
  except: readonly number[] = [],
): void {
  assert.ok(found.length >= end, `it has ${found.length} bytes of ${end}`);
  for (let at = 0; at < end; at++) {
    if (found[at] !== made.plain[at] && !except.includes(at)) assert.fail(`byte ${at} differs`);
  }
}

test("dislocker reads every kind of volume that is made here as it was made", (t) => {
  if (skipUnless(t, "dislocker-file")) return;
  const folder = newFolder(t);
  for (const [name, recipe] of Object.entries({ ...whole, "xts-256": { method: 0x8005 } })) {
    const made = make(recipe);
    assertSame(dislocked(folder, name, made.image), made);
  }
  for (const [name, recipe] of Object.entries(partly)) {
    const made = make(recipe);
    assertSame(dislocked(folder, name, made.image), made, recipe.encryptedBytes); // it shows no more
  }
});

test("dislocker and libbde open a volume whose first copy has a wrong MAC, as is done here", async (t) => {
  if (skipUnless(t, "dislocker-file", "bdemount", "fusermount")) return;
  const folder = newFolder(t);
  const made = make({});
  const image = Uint8Array.from(made.image);
  const macAt = (made.copyOffsets[0] ?? 0) + made.blockBytes + 40;
  image.fill(0, macAt, macAt + 1);
  assertSame(dislocked(folder, "wrong-mac", image), made);
  assertSame(await bdeMounted(t, folder, "wrong-mac-bde", { ...made, image }), made);
  const header = (await readBitlocker(memorySource(image), signal)) ?? assert.fail();
  const secret = { kind: "startup-key", secret: new Secret(bekFile(GUID, key)) } as const;
  const terms = { kdf: { derive: deriveKey }, limit: { memoryKiB: 0, seconds: 1 }, only: null };
  using unlocked = await header.unlock(secret, terms, signal);
  using plain = openPlainVolume(memorySource(image), header.mapping(image.length), unlocked.volumeKeys);
  assertSame(await plain.read(0, plain.sizeBytes, signal), made);
});

test("dislocker reads Windows Vista's volumes as they were made, but for what it does not know", (t) => {
  if (skipUnless(t, "dislocker-file")) return;
  const folder = newFolder(t);
  for (const method of [0x8000, 0x8001]) {
    const made = make({ layout: "vista", method });
    const size = made.image.length;
    // Its releases want the size where Vista wrote zeros, keep the cluster of the metadata in the boot sector, and take the
    // boot sector's backup at the end for encrypted.
    const image = forge(made, [1, 2, 3], 16, u64(size));
    const mftMirror = Array.from({ length: 8 }, (_, byte) => 56 + byte);
    assertSame(dislocked(folder, `vista-${method}`, image), made, size - SECTOR, mftMirror);
  }
});

test("libbde reads every kind of volume that is made here as it was made", async (t) => {
  if (skipUnless(t, "bdemount", "fusermount")) return;
  const folder = newFolder(t);
  for (const [name, recipe] of Object.entries({
    ...whole,
    ...partly,
    "no-entry": { movedBootEntry: "none" } as const,
  })) {
    const made = make(recipe);
    assertSame(await bdeMounted(t, folder, name, made), made);
  }
});
