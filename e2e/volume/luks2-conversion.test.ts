import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, openSync, readSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { seededRandom } from "#testing/random.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";

import { run } from "../disk/rig.ts";
import { keyFile, newFolder, sha256Hex, skipUnless } from "./rig.ts";
import { bytesOf, headerOf, isGoodForCryptsetup, openedBy, plaintextOf, quick, secretFile } from "./luks2-rig.ts";
import { rewritten } from "./luks2-rewrite.ts";

const MIB = 1024 * 1024;
const PLAIN_BYTES = 24 * MIB;
const secret = keyFile("open");

/** A file system with something in it. */
function fileSystem(folder: string): string {
  const content = join(folder, "content");
  mkdirSync(content);
  writeFileSync(join(content, "file"), seededRandom("content")(8 * MIB));
  const path = join(folder, "plain.img");
  writeFileSync(path, "");
  truncateSync(path, PLAIN_BYTES);
  run("mkfs.ext4", "-q", "-b", "4096", "-d", content, path);
  return path;
}

/** Encrypts in place, with the header in front, the data shifted to the end: all of it, or only noted. */
function encrypt(plain: string, path: string, key: string, ...options: readonly string[]): void {
  copyFileSync(plain, path);
  truncateSync(path, PLAIN_BYTES + 2 * MIB);
  const shift = ["--luks2-keyslots-size", "512k", "--reduce-device-size", "2M"];
  run(
    "cryptsetup",
    "reencrypt",
    "--encrypt",
    "--type",
    "luks2",
    ...quick,
    ...shift,
    ...options,
    "--key-file",
    key,
    path,
  );
}

/** Goes on with a conversion, and ends it so many milliseconds after it wrote a header for the first time. */
async function ended(
  signal: "SIGKILL" | "SIGTERM",
  milliseconds: number,
  paths: { readonly path: string; readonly key: string; readonly header?: string },
): Promise<void> {
  const { path, key, header } = paths;
  const detached = header === undefined ? [] : ["--decrypt", "--header", header];
  const args = ["reencrypt", "-q", "--resume-only", "--force-offline-reencrypt", ...detached, "--key-file", key, path];
  const before = headOf(header ?? path);
  const child = spawn("cryptsetup", args, { stdio: "ignore" });
  const closed = once(child, "close");
  while (child.exitCode === null && headOf(header ?? path) === before) await setTimeout(1);
  await Promise.race([closed, setTimeout(milliseconds)]);
  child.kill(signal);
  await closed;
}

/** The first header's fixed part: it changes with each step. */
function headOf(path: string): string {
  const file = openSync(path, "r");
  const head = new Uint8Array(512);
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return hex(head);
}

function skipped(t: TestContext): boolean {
  return skipUnless(t, "cryptsetup", "mkfs.ext4");
}

test("a file system that cryptsetup encrypted in place decrypts to what it was", async (t) => {
  if (skipped(t)) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const plain = fileSystem(folder);
  for (const options of [[], ["--sector-size", "4096"], ["--cipher", "aes-cbc-essiv:sha256", "--key-size", "256"]]) {
    const path = join(folder, "a.img");
    encrypt(plain, path, key, ...options);
    const found = await plaintextOf(bytesOf(path), secret);
    assert.equal(found.length, PLAIN_BYTES + MIB);
    assert.equal(sha256Hex(found.subarray(0, PLAIN_BYTES)), sha256Hex(bytesOf(plain)), options.join(" "));
  }
});

test("an encryption that was noted, killed at any moment or finished reads as what it was at every step", async (t) => {
  if (skipped(t)) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const plain = fileSystem(folder);
  const begun = join(folder, "begun.img");
  encrypt(plain, begun, key, "--init-only");
  const expected = sha256Hex(bytesOf(plain));
  const seen = { converting: 0, hot: 0 };
  for (let tries = 0; tries < 24 && (tries < 6 || seen.hot < 1 || seen.converting < 3); tries++) {
    const path = join(folder, "killed.img");
    copyFileSync(begun, path);
    if (tries > 0) await ended("SIGKILL", tries * 3, { path, key });
    const bytes = bytesOf(path);
    const { facts } = await headerOf(bytes);
    if (facts.state === "converting") seen.converting++;
    const warning = facts.warnings.find(({ code }) => code === "CONVERTING")?.message ?? "";
    if (warning.includes("being written")) seen.hot++;
    const found = await plaintextOf(bytes, secret);
    assert.equal(sha256Hex(found.subarray(0, PLAIN_BYTES)), expected, `${facts.state} ${facts.progress} ${warning}`);
    await assert.rejects(openedBy(await headerOf(bytes), keyFile("other")), { code: "SECRET_REJECTED" });
  }
  t.diagnostic(JSON.stringify(seen));
  if (seen.hot === 0) console.error(`NOT TESTED: ${t.name}: it was never killed in the middle of a step`);
  assert.ok(seen.converting >= 2);
});

/**
 * Killed at the very end, when the old key's keyslots were wiped and the conversion was still noted: nobody has the old key
 * any more, so nothing can verify the note, and the volume is refused until cryptsetup has ended what it began.
 */
function isWithoutOldKey({ facts }: EncryptedHeader): boolean {
  return facts.state === "converting" && facts.protectors.filter(({ unusable }) => unusable === null).length < 2;
}

test("a change of the volume key reads with both keys between its steps, and is refused in the middle of one", async (t) => {
  if (skipped(t)) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const plain = fileSystem(folder);
  const encrypted = join(folder, "encrypted.img");
  encrypt(plain, encrypted, key);
  const before = await headerOf(bytesOf(encrypted));
  const [oldKey] = await openedBy(before, secret);
  const expected = sha256Hex(bytesOf(plain));
  const seen = { between: 0, refused: 0 };
  for (const resilience of ["checksum", "journal", "none"]) {
    const begun = join(folder, "begun.img");
    copyFileSync(encrypted, begun);
    const options = ["--resilience", resilience, "--hotzone-size", "256k", "--force-offline-reencrypt"];
    run("cryptsetup", "reencrypt", "--init-only", ...quick, ...options, "--key-file", key, begun);
    for (const [signal, milliseconds] of [
      ["SIGTERM", 0],
      ["SIGTERM", 5],
      ["SIGTERM", 20],
      ["SIGKILL", 8],
      ["SIGKILL", 15],
    ] as const) {
      const path = join(folder, "killed.img");
      copyFileSync(begun, path);
      if (milliseconds > 0) await ended(signal, milliseconds, { path, key });
      const bytes = bytesOf(path);
      const header = await headerOf(bytes);
      if (isWithoutOldKey(header)) continue;
      const [keys] = await openedBy(header, secret);
      if (header.facts.state === "encrypted") {
        assert.notEqual(keys, oldKey);
        assert.notEqual(header.facts.identity, before.facts.identity);
      }
      try {
        const found = await plaintextOf(bytes, secret, header);
        assert.equal(sha256Hex(found.subarray(0, PLAIN_BYTES)), expected, `${resilience} ${header.facts.progress}`);
        if (header.facts.state === "converting") seen.between++;
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        assert.equal(error.code, "VOLUME_UNSUPPORTED", error.message);
        assert.match(error.message, new RegExp(`were being written .* resilience ${resilience}`));
        seen.refused++;
      }
    }
  }
  assert.ok(seen.between >= 3, JSON.stringify(seen));
  t.diagnostic(JSON.stringify(seen));
  if (seen.refused === 0) console.error(`NOT TESTED: ${t.name}: it was never killed in the middle of a step`);
});

test("a decryption that cryptsetup noted reads as what it was", async (t) => {
  if (skipped(t)) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const plain = fileSystem(folder);
  const path = join(folder, "a.img");
  // With a detached header nothing is shifted.
  copyFileSync(plain, path);
  const detached = join(folder, "header");
  run(
    "cryptsetup",
    "reencrypt",
    "--encrypt",
    "--type",
    "luks2",
    ...quick,
    "--header",
    detached,
    "--key-file",
    key,
    path,
  );
  const whole = await plaintextOf(bytesOf(path), secret, await headerOf(bytesOf(detached)));
  assert.equal(sha256Hex(whole), sha256Hex(bytesOf(plain)));
  run(
    "cryptsetup",
    "reencrypt",
    "--decrypt",
    "--init-only",
    "--force-offline-reencrypt",
    "-q",
    "--header",
    detached,
    "--key-file",
    key,
    path,
  );
  const header = await headerOf(bytesOf(detached));
  assert.deepEqual([header.facts.state, header.facts.progress], ["converting", 0]);
  assert.equal(sha256Hex(await plaintextOf(bytesOf(path), secret, header)), sha256Hex(bytesOf(plain)));
});

test("a decryption that moves the data to the front reads as what it was, killed or not", async (t) => {
  if (skipped(t)) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const plain = fileSystem(folder);
  const begun = join(folder, "begun.img");
  encrypt(plain, begun, key);
  const begunHeader = join(folder, "begun.header");
  const options = ["--decrypt", "--force-offline-reencrypt", "-q"];
  run("cryptsetup", "reencrypt", ...options, "--init-only", "--header", begunHeader, "--key-file", key, begun);
  const [path, header] = [join(folder, "a.img"), join(folder, "header")];
  const seen = { between: 0, refused: 0, ended: 0 };
  for (let milliseconds = 0; milliseconds < 30; milliseconds += 5) {
    copyFileSync(begun, path);
    copyFileSync(begunHeader, header);
    if (milliseconds > 0) await ended("SIGKILL", milliseconds, { path, key, header });
    const read = await headerOf(bytesOf(header));
    if (read.facts.state !== "converting") {
      seen.ended++;
      continue;
    }
    try {
      const found = await plaintextOf(bytesOf(path), secret, read);
      assert.equal(sha256Hex(found.subarray(0, PLAIN_BYTES)), sha256Hex(bytesOf(plain)), `${milliseconds} ms`);
      seen.between++;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      assert.equal(error.code, "VOLUME_UNSUPPORTED", error.message);
      seen.refused++;
    }
  }
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.between > 0);
});

test("a forged decryption in progress is refused at the latest when it is opened, and its header is good for cryptsetup", async (t) => {
  if (skipped(t)) return;
  const folder = newFolder(t);
  const key = secretFile(folder, "open");
  const begun = join(folder, "begun.img");
  encrypt(fileSystem(folder), begun, key, "--init-only");
  const forged = rewritten(bytesOf(begun), (text) => text.replace('"shift_size":"1048576"', '"shift_size":"2097152"'));
  const path = join(folder, "forged.img");
  writeFileSync(path, forged);
  assert.ok(isGoodForCryptsetup(path));
  const header = await headerOf(forged);
  assert.equal(header.facts.state, "converting");
  await assert.rejects(openedBy(header, secret), {
    code: "HEADER_CORRUPT",
    message: /nobody with the volume keys noted/,
  });
});
