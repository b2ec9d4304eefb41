import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { openExistingTarget } from "#disk/existing-target.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-existing-"));
after(() => rmSync(folder, { recursive: true }));
const signal = new AbortController().signal;

function image(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test("a file is written in place, and zeros become a hole", async () => {
  const path = image("in-place.raw", new Uint8Array(1024 * 1024).fill(1));
  const before = statSync(path).blocks;
  await using target = await openExistingTarget(path, 1024 * 1024, {}, signal);
  assert.equal(target.startsZeroed, false);
  await target.write(4096, new Uint8Array(10).fill(2), signal);
  await target.zero({ offsetBytes: 8192, lengthBytes: 1024 * 1024 - 8192 - 1 }, signal);
  await target.finish(signal);
  const truth = new Uint8Array(1024 * 1024).fill(1, 0, 8192);
  truth.fill(2, 4096, 4106);
  truth[1024 * 1024 - 1] = 1;
  assert.deepEqual(new Uint8Array(readFileSync(path)), truth);
  assert.ok(statSync(path).blocks < before);
});

test("a longer file keeps its size until it is resized", async () => {
  const path = image("longer.raw", new Uint8Array(8192));
  await using target = await openExistingTarget(path, 4096, {}, signal);
  assert.equal(target.sizeBytes, 8192);
  await target.resize(4096, signal);
  assert.equal(target.sizeBytes, 4096);
  assert.equal(statSync(path).size, 4096);
});

test("a shorter one is refused, with how to lengthen it", async () => {
  const path = image("shorter.raw", new Uint8Array(8191));
  await assert.rejects(openExistingTarget(path, 8192, {}, signal), {
    code: "TARGET_TOO_SMALL",
    message: /has 8191 bytes, 8192 are needed/,
    hint: /truncate -s 8192/,
  });
});

test("one that a process has open is refused, with who", async (t) => {
  const path = image("held.raw", new Uint8Array(4096));
  const child = spawn("bash", ["-c", 'exec 9<>"$1"; echo ready; read -r line', "bash", path]);
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await assert.rejects(openExistingTarget(path, 4096, {}, signal), {
    code: "TARGET_IN_USE",
    message: new RegExp(`process ${child.pid} \\(bash\\) has it open for writing`),
  });
});

test("two restores cannot overwrite one file", async () => {
  const path = image("twice.raw", new Uint8Array(4096));
  await using first = await openExistingTarget(path, 4096, {}, signal);
  assert.equal(first.kind, "file");
  await assert.rejects(openExistingTarget(path, 4096, {}, signal), { code: "TARGET_IN_USE" });
});

test("what is no disk, and an image format that is not raw, is left alone", async () => {
  await assert.rejects(openExistingTarget(folder, 0, {}, signal), { code: "TARGET_UNSUPPORTED" });
  await assert.rejects(openExistingTarget("/dev/null", 0, {}, signal), { code: "TARGET_UNSUPPORTED" });
  await assert.rejects(openExistingTarget(join(folder, "none"), 0, {}, signal), { code: "TARGET_MISSING" });
  const path = image("a.vhdx", "vhdxfile and so on");
  await assert.rejects(openExistingTarget(path, 4, {}, signal), { code: "TARGET_UNSUPPORTED", message: /VHDX/ });
  await using target = await openExistingTarget(path, 4, { assumeRaw: true }, signal);
  await target.write(0, Uint8Array.of(0), signal);
  assert.equal(readFileSync(path)[0], 0);
});
