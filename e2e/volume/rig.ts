import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import type { EncryptedHeader, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { readLuks1 } from "#volume/luks1/header.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const terms = { kdf: { derive: deriveKey }, limit: { memoryKiB: 1024 * 1024, seconds: 600 }, only: null };

/** Skips the test, and says so, where a program is missing. @returns true when it must end */
export function skipUnless(t: TestContext, ...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  return missing.length > 0 && skip(t, `needs ${missing.join(", ")}`);
}

/** The folder of sample images of a format; null where none is named: then the test is skipped and says so. */
export function sampleImages(t: TestContext, format: string): string | null {
  const folder = process.env["LOCKSTEP_TEST_IMAGES"];
  if (folder !== undefined && folder !== "") return join(folder, format);
  skip(t, "LOCKSTEP_TEST_IMAGES names no folder of sample images");
  return null;
}

function skip(t: TestContext, reason: string): true {
  console.error(`NOT TESTED: ${t.name}: ${reason}`);
  t.skip(reason);
  return true;
}

/** An empty folder that goes with the test. */
export function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-e2e-volume-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A compressed image, unpacked in memory. */
export function unpacked(path: string): Uint8Array {
  const { status, stdout, stderr } = spawnSync("xz", ["-dc", path], { maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`xz -dc ${path} failed: ${String(stderr)}`);
  return new Uint8Array(stdout);
}

export function sourceOf(path: string): VolumeSource {
  return memorySource(new Uint8Array(readFileSync(path)));
}

export async function readHeader(source: VolumeSource): Promise<EncryptedHeader> {
  const header = await readLuks1(source, signal);
  if (header === null) throw new Error("this is no LUKS1 volume");
  return header;
}

export async function unlock(header: EncryptedHeader, secret: VolumeSecret): Promise<UnlockedVolume> {
  return header.unlock(secret, terms, signal);
}

export function keyFile(content: string | Uint8Array): VolumeSecret {
  return { kind: "key-file", secret: new Secret(typeof content === "string" ? utf8(content) : content.slice()) };
}

/** The whole plaintext volume. @param data  the data device of a detached header */
export async function plaintext(source: VolumeSource, secret: VolumeSecret, data = source): Promise<Uint8Array> {
  const header = await readHeader(source);
  using unlocked = await unlock(header, secret);
  using volume = openPlainVolume(data, header.mapping(data.sizeBytes), unlocked.volumeKeys);
  return await volume.read(0, volume.sizeBytes, signal);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The volume key in hexadecimal. */
export async function volumeKeyOf(source: VolumeSource, secret: VolumeSecret): Promise<string> {
  using unlocked = await unlock(await readHeader(source), secret);
  const [key] = unlocked.volumeKeys;
  return key === undefined ? "none" : hex(key.bytes);
}
