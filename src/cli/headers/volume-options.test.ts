import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { Command } from "commander";

import { fromUtf8 } from "#bytes/text.ts";
import type { GlobalFlags } from "#cli/app/app.ts";
import { costLimit, readSecret, readVolumeRequest, volumeOptions, wipeSecret } from "#cli/headers/volume-options.ts";
import type { SecretFlags, VolumeFlags } from "#cli/headers/volume-options.ts";
import type { VolumeSecret } from "#volume/header/volume-secret.ts";

type Needed = Parameters<typeof readSecret>[0];

function trial(t: TestContext): { write: (text: string | Uint8Array) => void; app: (flags?: GlobalFlags) => Needed } {
  const workingFolder = mkdtempSync(join(tmpdir(), "lockstep-secret-"));
  t.after(() => rmSync(workingFolder, { recursive: true }));
  return {
    write: (text) => writeFileSync(join(workingFolder, "file"), text),
    app: (flags = {}) => ({ flags, host: { name: "h", workingFolder, stdinIsTerminal: false } }),
  };
}

function text(secret: VolumeSecret): string {
  return secret.kind === "none" ? "none" : `${secret.kind}: ${fromUtf8(secret.secret.bytes)}`;
}

test("a passphrase is the file's first line, whose end is no part of it, and blanks are", async (t) => {
  const { write, app } = trial(t);
  for (const [content, passphrase] of [
    ["a b\n", "a b"],
    ["a b", "a b"],
    [" a \r\nanother\n", " a "],
    ["pässwörd\n", "pässwörd"],
  ] as const) {
    write(content);
    assert.equal(text(await readSecret(app(), { passphraseFile: "file" })), `passphrase: ${passphrase}`);
  }
});

test("a key file is all of its bytes", async (t) => {
  const { write, app } = trial(t);
  write("a\nb\n");
  assert.equal(text(await readSecret(app(), { keyFile: "file" })), "key-file: a\nb\n");
  assert.equal(text(await readSecret(app(), { startupKey: "file" })), "startup-key: a\nb\n");
});

test("a recovery password is found in the text that Windows saves, in either encoding", async (t) => {
  const { write, app } = trial(t);
  const password = "042647-302313-590458-071500-554323-116567-412181-516978";
  const saved = `BitLocker recovery key\r\n\r\nIdentifier:\r\n\t4381F759-C4F8-4DE0-BB61-FC33A831BDA5\r\n\r\n\t${password}\r\n`;
  for (const content of [saved, Buffer.from(`\ufeff${saved}`, "utf16le")]) {
    write(content);
    assert.equal(text(await readSecret(app(), { recoveryPasswordFile: "file" })), `recovery-password: ${password}`);
  }
  for (const between of [" ", "", "\u2013", " - "]) {
    write(`${password.replaceAll("-", between)}\n`);
    const found = text(await readSecret(app(), { recoveryPasswordFile: "file" }));
    assert.equal(found, `recovery-password: ${password.replaceAll("-", between)}`, "as people write it");
  }
  write(password.slice(0, -7));
  await assert.rejects(readSecret(app(), { recoveryPasswordFile: "file" }), {
    code: "SECRET_INVALID",
    message: "file has no recovery password in it: eight groups of six digits",
  });
});

test("an empty secret is one too: a volume with a null cipher takes no other", async (t) => {
  const { write, app } = trial(t);
  write("\nsecond line");
  assert.equal(text(await readSecret(app(), { passphraseFile: "file" })), "passphrase: ");
  write("");
  assert.equal(text(await readSecret(app(), { keyFile: "file" })), "key-file: ");
});

test("a file that is missing is said to be, and an endless one holds no secret", async (t) => {
  const { app } = trial(t);
  const missing = { code: "FILE_MISSING", message: /in none failed: it is not there/ };
  await assert.rejects(readSecret(app(), { keyFile: "none" }), missing);
  const tooLong = { code: "SECRET_INVALID", message: /longer than 8388608 bytes$/ };
  await assert.rejects(readSecret(app(), { keyFile: "/dev/zero" }), tooLong);
  await assert.rejects(readSecret(app(), { keyFile: "." }), { code: "SECRET_INVALID", message: /it is a folder$/ });
});

test("the longest key file that there may be is read whole", async (t) => {
  const { write, app } = trial(t);
  write("x");
  const { host } = app();
  truncateSync(join(host.workingFolder, "file"), 8 * 1024 * 1024);
  const secret = await readSecret(app(), { keyFile: "file" });
  assert.equal(secret.kind === "none" ? 0 : secret.secret.bytes.length, 8 * 1024 * 1024);
});

test("a secret may come through a pipe", async (t) => {
  const { app } = trial(t);
  const pipe = join(app().host.workingFolder, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  const reading = readSecret(app(), { passphraseFile: "pipe" });
  await writeFile(pipe, "pw\n");
  assert.equal(text(await reading), "passphrase: pw");
});

test("no secret is one for a clear key; more than one is refused; those that all commands have count too", async (t) => {
  const { write, app } = trial(t);
  write("pw");
  assert.equal(text(await readSecret(app(), {})), "none");
  assert.equal(text(await readSecret(app({ passphraseFile: "file" }), {})), "passphrase: pw");
  const both: SecretFlags = { startupKey: "file" };
  await assert.rejects(readSecret(app({ keyFile: "file" }), both), { code: "ARGUMENT_INVALID" });
});

test("the options of a command line become a request", async (t) => {
  const { write, app } = trial(t);
  write("pw");
  const parse = (...words: readonly string[]): VolumeFlags =>
    volumeOptions(new Command().exitOverride()).parse(words, { from: "user" }).opts();
  const words = ["--volume", "2", "--protector", "keyslot 1", "--header", "h", "--key-file", "file"];
  const flags = parse(...words, "--max-memory", "100M", "--max-seconds", "7");
  const request = await readVolumeRequest(app(), "/disk", flags);
  assert.equal(text(request.secret), "key-file: pw");
  assert.deepEqual(
    [request.path, request.volume, request.only, request.limit],
    ["/disk", "2", "keyslot 1", { memoryKiB: 100 * 1024, seconds: 7 }],
  );
  assert.equal(request.headerPath, join(app().host.workingFolder, "h"));
  const bare = await readVolumeRequest(app(), "/disk", parse());
  assert.deepEqual([bare.volume, bare.only, bare.headerPath], [null, null, null]);
  for (const seconds of ["0", "-1", "1.5", "10000000", "x"]) {
    assert.throws(() => parse("--max-seconds", seconds), { code: "ARGUMENT_INVALID" });
  }
});

test("what is not limited has the limits of the documents", () => {
  assert.deepEqual(costLimit({}), { memoryKiB: 1024 * 1024, seconds: 60 });
  assert.deepEqual(costLimit({ maxMemory: 1025 }), { memoryKiB: 2, seconds: 60 });
});

test("a secret is zeroed when it was used", async (t) => {
  const { write, app } = trial(t);
  write("pw");
  const secret = await readSecret(app(), { keyFile: "file" });
  wipeSecret(secret);
  assert.equal(text(secret), "key-file: \0\0");
  wipeSecret({ kind: "none" });
});
