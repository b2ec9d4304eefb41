import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, test } from "node:test";

import { fromUtf8, utf8 } from "#bytes/text.ts";
import type { Warning } from "#cli/output/output.ts";
import { readPassphraseFile } from "#cli/prompt/prompt-file.ts";
import { askPassphrase } from "#cli/prompt/prompt.ts";

const { signal } = new AbortController();

/** A person who types each answer once its question is shown. */
function person(answers: readonly string[]) {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  // Standard error is not ended by what is piped into it, and is told by this mark.
  const output = Object.assign(new PassThrough({ encoding: "utf8" }), { _isStdio: true });
  const left = [...answers];
  let shown = "";
  let typing = false;
  output.on("data", (text: string) => {
    shown += text;
    const isQuestion = text.includes("[input is masked]");
    if (isQuestion && !typing) {
      const answer = left.shift();
      if (answer !== undefined) setImmediate(() => input.write(answer));
    }
    if (/[?✔√] /.test(text)) typing = isQuestion;
  });
  return { terminal: { input, output }, shown: () => shown };
}

test("a passphrase is asked for, and never shown", async () => {
  const { terminal, shown } = person(["correct horse\r"]);
  using secret = await askPassphrase(terminal, { message: "Passphrase of /backup/vault", repeat: false }, signal);
  assert.equal(fromUtf8(secret.bytes), "correct horse");
  assert.match(shown(), /Passphrase of \/backup\/vault/);
  assert.doesNotMatch(shown(), /horse/);
});

test("what differs is asked for anew", async () => {
  const { terminal, shown } = person(["first\r", "fist\r", "first\r", "first\r"]);
  using secret = await askPassphrase(terminal, { message: "Passphrase", repeat: true }, signal);
  assert.equal(fromUtf8(secret.bytes), "first");
  assert.match(shown(), /They differ/);
});

test("what differs three times is refused", async () => {
  const { terminal } = person(["a\r", "b\r", "a\r", "b\r", "a\r", "b\r"]);
  const asking = askPassphrase(terminal, { message: "Passphrase", repeat: true }, signal);
  await assert.rejects(asking, { code: "ARGUMENT_INVALID", message: /differ/ });
});

test("Ctrl-C, Ctrl-D and a signal stop it", async () => {
  for (const key of ["\u0003", "\u0004"]) {
    const asking = askPassphrase(person([key]).terminal, { message: "Passphrase", repeat: false }, signal);
    await assert.rejects(asking, { code: "CANCELLED" });
  }
  const aborted = AbortSignal.abort();
  const asking = askPassphrase(person([]).terminal, { message: "Passphrase", repeat: false }, aborted);
  await assert.rejects(asking, { code: "CANCELLED" });
});

test("without a terminal nobody is asked, and the hint names the file", async () => {
  const terminal = { input: new PassThrough(), output: new PassThrough() };
  const asking = askPassphrase(terminal, { message: "Passphrase", repeat: false }, signal);
  await assert.rejects(asking, { code: "ARGUMENT_INVALID", hint: /--passphrase-file/ });
});

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-prompt-"));
});
after(() => rm(folder, { recursive: true }));

async function read(content: Uint8Array, mode = 0o600): Promise<{ text: string; warnings: Warning[] }> {
  const path = join(folder, "passphrase");
  await writeFile(path, content);
  await chmod(path, mode);
  const warnings: Warning[] = [];
  using secret = await readPassphraseFile(path, (warning) => warnings.push(warning), signal);
  return { text: fromUtf8(secret.bytes), warnings };
}

test("one line break at the end of a file is not part of the passphrase", async () => {
  for (const [content, text] of [
    ["correct horse", "correct horse"],
    ["correct horse\n", "correct horse"],
    ["correct horse\r\n", "correct horse"],
    ["correct horse\n\n", "correct horse\n"],
    [" Zürich \n", " Zürich "],
    ["a\r", "a\r"],
  ] as const) {
    assert.deepEqual(await read(utf8(content)), { text, warnings: [] });
  }
  const long = "x".repeat(64 * 1024);
  assert.equal((await read(utf8(long))).text, long);
});

test("a file that is empty, too long or not text is refused", async () => {
  const refused = (message: RegExp) => ({ code: "PASSPHRASE_FILE_INVALID", message });
  await assert.rejects(read(utf8("")), refused(/is empty/));
  await assert.rejects(read(utf8("\n")), refused(/is empty/));
  await assert.rejects(read(Uint8Array.of(0x61, 0xff)), refused(/not UTF-8/));
  await assert.rejects(read(new Uint8Array(64 * 1024 + 1)), refused(/longer than/));
  const ignore = (): void => undefined;
  await assert.rejects(readPassphraseFile(folder, ignore, signal), refused(/is a folder/));
  await assert.rejects(readPassphraseFile(join(folder, "none"), ignore, signal), { code: "FILE_MISSING" });
  await assert.rejects(readPassphraseFile("/dev/null", ignore, AbortSignal.abort()), { code: "CANCELLED" });
  const share = readPassphraseFile(join(folder, "none"), ignore, signal, "the file of a share");
  await assert.rejects(share, { message: /^reading the file of a share \/.* is not there/ });
});

test("a file that everybody may read is used, with a warning", async () => {
  const { text, warnings } = await read(utf8("correct horse\n"), 0o644);
  assert.equal(text, "correct horse");
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["PASSPHRASE_FILE_EXPOSED"],
  );
  assert.deepEqual((await read(utf8("x"), 0o640)).warnings, []);
});
