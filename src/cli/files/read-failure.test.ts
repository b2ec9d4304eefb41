import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readFailure } from "#cli/files/read-failure.ts";
import { exitCodes } from "#cli/output/exit-codes.ts";
import { LockstepError } from "#errors/errors.ts";

/** What is said of a path that cannot be read: code, exit code, message. */
async function saidOf(path: string): Promise<readonly unknown[]> {
  const error: unknown = await readFile(path).catch((thrown: unknown) => thrown);
  const { code, kind, message, hint } = readFailure(`reading ${path}`, "KEY_LIST_INVALID", error);
  assert.ok(hint !== undefined);
  return [code, exitCodes[kind], message.slice(`reading ${path} failed: `.length)];
}

test("a file that cannot be read is missing, denied or of the wrong kind, and never in Node's own words", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-read-"));
  try {
    const file = join(folder, "file");
    await writeFile(file, "text");
    await symlink("loop", join(folder, "loop"));
    assert.deepEqual(await saidOf(join(folder, "none")), ["FILE_MISSING", 66, "it is not there (ENOENT)"]);
    assert.deepEqual(await saidOf(join(file, "none")), ["FILE_MISSING", 66, "it is not there (ENOTDIR)"]);
    assert.deepEqual(await saidOf(join(folder, "loop")), ["FILE_MISSING", 66, "it is not there (ELOOP)"]);
    assert.deepEqual(await saidOf(folder), ["KEY_LIST_INVALID", 64, "it is a folder"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a file that this user may not read is told from one that is not there", () => {
  const error = Object.assign(new Error("EACCES: permission denied"), { errno: -13, code: "EACCES" });
  const { code, kind, message } = readFailure("reading /root/list", "KEY_LIST_INVALID", error);
  assert.deepEqual([code, exitCodes[kind]], ["FILE_DENIED", 77]);
  assert.equal(message, "reading /root/list failed: this user may not read it (EACCES)");
});

test("what is wrong with the content keeps its words, and an error of ours stays as it is", () => {
  const tooLong = readFailure("reading x", "RANGES_INVALID", new Error("it is longer than 9 bytes"));
  assert.deepEqual([tooLong.code, tooLong.message], ["RANGES_INVALID", "reading x failed: it is longer than 9 bytes"]);
  const own = new LockstepError("CANCELLED", "stopped");
  assert.equal(readFailure("reading x", "RANGES_INVALID", own), own);
});
