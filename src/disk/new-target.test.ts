import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import fc from "fast-check";

import { alignedBuffer } from "#bytes/arrays.ts";
import { createFileTarget } from "#disk/new-target.ts";

const signal = new AbortController().signal;
const KIB = 1024;

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-target-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("a file has its name only once it is finished, and is its owner's alone", async (t) => {
  const folder = newFolder(t);
  const path = join(folder, "web01.raw");
  await using target = await createFileTarget(path, 100 * KIB + 1, {}, signal);
  assert.equal(target.startsZeroed, true);
  assert.equal(target.resumed, false);
  await target.write(100 * KIB, Uint8Array.of(7), signal);
  await target.flush(signal);
  assert.deepEqual(await readdir(folder), ["web01.raw.lockstep-partial"]);
  await target.finish(signal);
  assert.deepEqual(await readdir(folder), ["web01.raw"]);
  assert.equal(statSync(path).size, 100 * KIB + 1);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(readFileSync(path)[100 * KIB], 7);
});

test("whatever is not written is a hole that reads as zeros", async (t) => {
  const path = join(newFolder(t), "sparse.raw");
  await using target = await createFileTarget(path, 1024 ** 4, {}, signal);
  await target.write(512 * 1024 ** 3, new Uint8Array(4096).fill(1), signal);
  await target.finish(signal);
  assert.ok(statSync(path).blocks * 512 < 1024 ** 2, "takes no room");
});

test("aligned and unaligned pieces, in any order and at once, end up in their places", async (t) => {
  const path = join(newFolder(t), "pieces.raw");
  const sizeBytes = 300_001;
  const truth = Uint8Array.from({ length: sizeBytes }, (_, at) => (at * 7) % 253);
  const shared = alignedBuffer(512 * KIB);
  shared.set(truth);
  await using target = await createFileTarget(path, sizeBytes, {}, signal);
  const page = 4096;
  const pieces = [
    [18 * page, sizeBytes],
    [0, 8 * page],
    [8 * page, 18 * page],
  ] as const;
  await Promise.all(pieces.map(async ([from, to]) => target.write(from, shared.subarray(from, to), signal)));
  await target.finish(signal);
  assert.deepEqual(new Uint8Array(readFileSync(path)), truth);
});

test("writes, zeros and reads agree with a plain array", async (t) => {
  const path = join(newFolder(t), "model.raw");
  const sizeBytes = 40_000;
  await using target = await createFileTarget(path, sizeBytes, {}, signal);
  const model = new Uint8Array(sizeBytes);
  const shared = alignedBuffer(64 * KIB);
  const step = fc.record({
    at: fc.oneof(
      fc.nat(sizeBytes - 1),
      fc.nat(9).map((page) => page * 4096),
    ),
    length: fc.integer({ min: 1, max: sizeBytes }),
    fill: fc.option(fc.integer({ min: 1, max: 255 })),
  });
  const apply = async ({ at, length, fill }: { at: number; length: number; fill: number | null }): Promise<void> => {
    const lengthBytes = Math.min(length, sizeBytes - at);
    if (fill === null) await target.zero({ offsetBytes: at, lengthBytes }, signal);
    else await target.write(at, shared.subarray(0, lengthBytes).fill(fill), signal);
    model.fill(fill ?? 0, at, at + lengthBytes);
    const found = new Uint8Array(sizeBytes);
    await target.read(0, found, signal);
    assert.deepEqual(found, model);
  };
  await fc.assert(fc.asyncProperty(step, apply), { numRuns: 60 });
});

test("an interrupted restore is gone on with when asked to, and only then", async (t) => {
  const path = join(newFolder(t), "again.raw");
  {
    await using first = await createFileTarget(path, 8192, {}, signal);
    await first.write(0, new Uint8Array(4096).fill(1), signal);
    await first.flush(signal);
  }
  await assert.rejects(createFileTarget(path, 8192, {}, signal), {
    code: "TARGET_EXISTS",
    message: /interrupted restore left/,
  });
  await assert.rejects(createFileTarget(path, 4096, { resume: true }, signal), {
    code: "TARGET_EXISTS",
    message: /another restore/,
  });
  await using second = await createFileTarget(path, 8192, { resume: true }, signal);
  assert.equal(second.resumed, true);
  await second.write(4096, new Uint8Array(4096).fill(2), signal);
  await second.finish(signal);
  assert.deepEqual([readFileSync(path)[0], readFileSync(path)[4096]], [1, 2]);
});

test("resuming without a partial file begins anew and says so", async (t) => {
  await using target = await createFileTarget(join(newFolder(t), "none.raw"), 8192, { resume: true }, signal);
  assert.equal(target.resumed, false);
});

test("two restores cannot write one partial file", async (t) => {
  const path = join(newFolder(t), "twice.raw");
  await using first = await createFileTarget(path, 8192, {}, signal);
  assert.equal(first.resumed, false);
  await assert.rejects(createFileTarget(path, 8192, { resume: true }, signal), { code: "TARGET_IN_USE" });
});

test("nothing that has the name is overwritten, from the start or meanwhile, not even a link to nowhere", async (t) => {
  const folder = newFolder(t);
  const path = join(folder, "there.raw");
  symlinkSync(join(folder, "nowhere"), path);
  await assert.rejects(createFileTarget(path, 8192, {}, signal), { code: "TARGET_EXISTS" });
  rmSync(path);

  await using target = await createFileTarget(path, 8192, {}, signal);
  writeFileSync(path, "appeared meanwhile");
  await assert.rejects(target.finish(signal), { code: "TARGET_EXISTS" });
  assert.equal(readFileSync(path, "utf8"), "appeared meanwhile");
  assert.equal(statSync(target.partialPath).size, 8192);
});

test("a partial file that is a link is not followed", async (t) => {
  const folder = newFolder(t);
  const victim = join(folder, "victim");
  writeFileSync(victim, "");
  const path = join(folder, "web01.raw");
  symlinkSync(victim, `${path}.lockstep-partial`);
  await assert.rejects(createFileTarget(path, 8192, { resume: true }, signal), { code: "TARGET_MISSING" });
  assert.equal(statSync(victim).size, 0);
});

test("a folder that is not there is missing, and no more is written than the size", async (t) => {
  const folder = newFolder(t);
  await assert.rejects(createFileTarget(join(folder, "no", "a.raw"), 1, {}, signal), { code: "TARGET_MISSING" });
  await using target = await createFileTarget(join(folder, "a.raw"), 10, {}, signal);
  await assert.rejects(target.write(8, new Uint8Array(3), signal), RangeError);
});

test("a name that has no room for the suffix of a partial file is refused as such, not as a fault of the medium", async (t) => {
  const path = join(newFolder(t), "n".repeat(250));
  await assert.rejects(createFileTarget(path, 1, {}, signal), {
    code: "ARGUMENT_INVALID",
    message: /its name is too long \(ENAMETOOLONG\)/,
  });
});
