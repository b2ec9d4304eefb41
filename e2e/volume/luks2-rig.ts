import { spawnSync } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { hex } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import type { EncryptedHeader, UnlockTerms } from "#volume/header/encrypted-header.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

import { run } from "../disk/rig.ts";

const { signal } = new AbortController();

/** A derivation that cryptsetup makes quickly. */
export const quick = ["--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

function terms(more: Partial<UnlockTerms> = {}): UnlockTerms {
  return { kdf: { derive: deriveKey }, limit: { memoryKiB: 1024 * 1024, seconds: 600 }, only: null, ...more };
}

/** An image of zeros. */
export function image(folder: string, name: string, sizeBytes = 24 * 1024 * 1024): string {
  const path = join(folder, name);
  writeFileSync(path, "");
  truncateSync(path, sizeBytes);
  return path;
}

/** A file that holds a passphrase. */
export function secretFile(folder: string, content: string): string {
  const path = join(folder, `secret-${content}`);
  writeFileSync(path, content);
  return path;
}

export function format(path: string, key: string, ...options: readonly string[]): void {
  run("cryptsetup", "luksFormat", "--type", "luks2", ...quick, ...options, path, key);
}

export function bytesOf(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

export async function headerOf(bytes: Uint8Array | VolumeSource): Promise<EncryptedHeader> {
  const header = await readLuks2(bytes instanceof Uint8Array ? memorySource(bytes) : bytes, signal);
  if (header === null) throw new Error("this is no LUKS2 volume");
  return header;
}

/** @returns the volume key in hexadecimal, and the protector that gave it */
export async function openedBy(
  header: EncryptedHeader,
  secret: VolumeSecret,
  only: string | null = null,
): Promise<[string, string]> {
  using unlocked = await header.unlock(secret, terms({ only }), signal);
  return [unlocked.volumeKeys.map(({ bytes }) => hex(bytes)).join(","), unlocked.protector?.id ?? "none"];
}

/** The whole plaintext volume. */
export async function plaintextOf(
  bytes: Uint8Array,
  secret: VolumeSecret,
  header?: EncryptedHeader,
): Promise<Uint8Array> {
  const read = header ?? (await headerOf(bytes));
  using unlocked = await read.unlock(secret, terms(), signal);
  using plain = openPlainVolume(memorySource(bytes), read.mapping(bytes.length), unlocked.volumeKeys);
  return await plain.read(0, plain.sizeBytes, signal);
}

/** The volume key as cryptsetup finds it. It may write to the image, so that it gets a copy. */
export function cryptsetupsKey(path: string, key: string): string {
  const out = `${path}.${Math.random().toString(36).slice(2)}`;
  run("cryptsetup", "luksDump", "-q", "--dump-volume-key", "--volume-key-file", out, "--key-file", key, path);
  return hex(bytesOf(out));
}

/** What cryptsetup says of a header: it is good, or not. It may repair one copy from the other. */
export function isGoodForCryptsetup(path: string): boolean {
  return spawnSync("cryptsetup", ["isLuks", path]).status === 0;
}

/** The header's JSON as cryptsetup shows it. */
export function jsonOf(path: string): string {
  return run("cryptsetup", "luksDump", "--dump-json-metadata", path);
}
