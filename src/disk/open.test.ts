import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readSync, readdirSync, rmSync } from "node:fs";
import { chmod, open, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { alignedBuffer } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import type { ByteRange } from "#disk/contract.ts";
import { type OpenDiskOptions, openDisk } from "#disk/open.ts";

const folder = mkdtempSync(join(tmpdir(), "lockstep-open-"));
after(() => rmSync(folder, { recursive: true }));
const signal = new AbortController().signal;
const KIB = 1024;

async function image(name: string, sizeBytes: number, data: Record<number, Uint8Array> = {}): Promise<string> {
  const path = join(folder, name);
  const file = await open(path, "w");
  await file.truncate(sizeBytes);
  for (const [at, bytes] of Object.entries(data)) await file.write(bytes, 0, bytes.length, Number(at));
  await file.close();
  return path;
}

async function rangesOf(path: string, options: OpenDiskOptions = {}): Promise<ByteRange[]> {
  await using disk = await openDisk(path, options, signal);
  return await Array.fromAsync(disk.dataRanges(signal));
}

test("reads any range of an image whose size is no multiple of anything", async () => {
  const bytes = Uint8Array.from({ length: 100_003 }, (_, at) => at % 251);
  const path = await image("odd.raw", bytes.length, { 0: bytes });
  await using disk = await openDisk(path, {}, signal);
  assert.equal(disk.sizeBytes, 100_003);
  for (const [at, length] of [
    [0, 100_003],
    [99_999, 4],
    [511, 2],
    [100_003, 0],
  ] as const) {
    const into = new Uint8Array(length);
    await disk.read(at, into, signal);
    assert.deepEqual(into, bytes.subarray(at, at + length));
  }
  await assert.rejects(disk.read(100_000, new Uint8Array(4), signal), RangeError);
});

test("both descriptors give the image's bytes", async () => {
  const path = await image("direct.raw", 64 * KIB, { 4096: new Uint8Array(4096).fill(5) });
  await using disk = await openDisk(path, {}, signal);
  assert.ok(disk.descriptors !== null);
  const into = alignedBuffer(4096);
  for (const descriptor of [disk.descriptors.buffered, disk.descriptors.direct]) {
    if (descriptor === null) continue; // a file system without direct I/O
    into.fill(0);
    assert.equal(readSync(descriptor, into, 0, 4096, 4096), 4096);
    assert.ok(into.every((byte) => byte === 5));
  }
});

test("holes are left out, and data is widened to whole blocks and joined", async () => {
  const one = Uint8Array.of(1);
  const path = await image("sparse.raw", 1000 * KIB + 1, { [5 * KIB]: one, [130 * KIB]: one, [700 * KIB]: one });
  assert.deepEqual(await rangesOf(path), [
    { offsetBytes: 0, lengthBytes: 64 * KIB },
    { offsetBytes: 128 * KIB, lengthBytes: 64 * KIB },
    { offsetBytes: 640 * KIB, lengthBytes: 64 * KIB },
  ]);
  assert.deepEqual(await rangesOf(path, { alignmentBytes: 512 * KIB }), [
    { offsetBytes: 0, lengthBytes: 1000 * KIB + 1 },
  ]);
});

test("data just written, and still in memory only, is no hole", async () => {
  const path = await image("dirty.raw", 8192 * KIB);
  const file = await open(path, "r+");
  await file.write(Uint8Array.of(1), 0, 1, 4096 * KIB);
  assert.deepEqual(await rangesOf(path), [{ offsetBytes: 4096 * KIB, lengthBytes: 64 * KIB }]);
  await file.close();
});

test("an image of nothing but a hole has no data", async () => {
  assert.deepEqual(await rangesOf(await image("hole.raw", 1024 ** 4)), []);
});

test("an image ends inside its last block", async () => {
  const path = await image("tail.raw", 64 * KIB + 3, { [64 * KIB]: Uint8Array.of(1, 2, 3) });
  assert.deepEqual(await rangesOf(path), [{ offsetBytes: 64 * KIB, lengthBytes: 3 }]);
});

test("what is no disk is refused by name, and never waited for", async () => {
  const unsupported = (path: string, what: RegExp): Promise<void> =>
    assert.rejects(openDisk(path, {}, signal), { code: "DISK_UNSUPPORTED", message: what });
  await unsupported(folder, /a folder/);
  await unsupported("/dev/null", /a character device/);
  await unsupported(await image("empty.raw", 0), /empty/);
  const pipe = join(folder, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  await unsupported(pipe, /a pipe/);
  const path = join(folder, "socket");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await unsupported(path, /a socket/);
  await new Promise((resolve) => server.close(resolve));
});

test("a disk whose places a number cannot hold is refused", async (t) => {
  // Not every file system has files of such a size; this one does.
  const memory = mkdtempSync("/dev/shm/lockstep-open-");
  t.after(() => rmSync(memory, { recursive: true }));
  const huge = join(memory, "huge.raw");
  await writeFile(huge, "");
  for (const sizeBytes of ["9007199254740992", "8070450532247928832"]) {
    assert.equal(spawnSync("truncate", ["-s", sizeBytes, huge]).status, 0);
    await assert.rejects(openDisk(huge, {}, signal), {
      code: "DISK_UNSUPPORTED",
      message: /larger than the \d+ bytes/,
    });
  }
  assert.equal(spawnSync("truncate", ["-s", "9007199254740991", huge]).status, 0);
  await using disk = await openDisk(huge, {}, signal);
  assert.equal(disk.sizeBytes, Number.MAX_SAFE_INTEGER);
});

test("a missing image, and a link to nowhere or to itself, are missing", async () => {
  const lost = join(folder, "lost.raw");
  await symlink(join(folder, "nowhere"), lost);
  const loop = join(folder, "loop.raw");
  await symlink(loop, loop);
  for (const path of [join(folder, "none.raw"), lost, loop, join(folder, "odd.raw", "x")]) {
    await assert.rejects(openDisk(path, {}, signal), { code: "DISK_MISSING" });
  }
});

test("a link is followed, and the user's name for it kept", async () => {
  const path = join(folder, "link.raw");
  await symlink(await image("real.raw", 4096), path);
  await using disk = await openDisk(path, {}, signal);
  assert.equal(disk.path, path);
  assert.equal(disk.identity.kind, "file");
});

test(
  "an image this user may not read is denied",
  { skip: process.getuid?.() === 0 && "root may read all" },
  async () => {
    const path = await image("closed.raw", 4096);
    await chmod(path, 0o000);
    await assert.rejects(openDisk(path, {}, signal), { code: "DISK_DENIED" });
  },
);

test("other image formats are refused with the command that converts them, unless taken as raw", async () => {
  const path = await image("image.qcow2", 64 * KIB, { 0: Uint8Array.of(0x51, 0x46, 0x49, 0xfb) });
  await assert.rejects(openDisk(path, {}, signal), {
    code: "DISK_UNSUPPORTED",
    message: /a qcow2 image/,
    hint: /qemu-img convert -f qcow2 -O raw '.*image.qcow2'/,
  });
  const footer = await image("fixed.vhd", 64 * KIB + 512, { [64 * KIB]: utf8("conectix") });
  await assert.rejects(openDisk(footer, {}, signal), { code: "DISK_UNSUPPORTED", message: /a VHD image/ });
  await using disk = await openDisk(path, { assumeRaw: true }, signal);
  assert.equal(disk.sizeBytes, 64 * KIB);
});

test("a write, a change of size and a time set back are all noticed; reading is not a write", async () => {
  const changes: Record<string, (path: string) => Promise<unknown>> = {
    "written to": async (path) => writeFile(path, "x", { flag: "r+" }),
    "size went from 4096 to 8192": async (path) => truncate(path, 8192),
    "changed|written": async (path) => utimes(path, 1, 1),
  };
  for (const [words, change] of Object.entries(changes)) {
    const path = await image("watched.raw", 4096);
    await using disk = await openDisk(path, {}, signal);
    await disk.read(0, new Uint8Array(4096), signal);
    assert.equal(await disk.writtenSince(signal), null);
    await new Promise((resolve) => setTimeout(resolve, 12)); // more than one tick of an old kernel's file times
    await change(path);
    assert.match((await disk.writtenSince(signal)) ?? "", new RegExp(words));
  }
});

test("an image that is cut off while it is read is an error, not zeros", async () => {
  const path = await image("cut.raw", 64 * KIB, { 0: new Uint8Array(64 * KIB).fill(1) });
  await using disk = await openDisk(path, {}, signal);
  await truncate(path, 10_000);
  const shorter = { code: "DISK_IN_USE", message: /ends at byte 10000/ };
  await assert.rejects(disk.read(8192, new Uint8Array(8192), signal), shorter);
  await assert.rejects(disk.readAround(8192, new Uint8Array(8192), signal), shorter);
});

test("nothing stays open when opening fails or ends", async () => {
  const openFiles = (): number => readdirSync("/proc/self/fd").length;
  const path = await image("closing.raw", 4096, { 0: utf8("vhdxfile") });
  const before = openFiles();
  await assert.rejects(openDisk(path, {}, signal));
  const disk = await openDisk(path, { assumeRaw: true }, signal);
  await disk[Symbol.asyncDispose]();
  assert.equal(openFiles(), before);
});

test("an aborted signal opens nothing", async () => {
  await assert.rejects(openDisk(await image("abort.raw", 4096), {}, AbortSignal.abort(new Error("stop"))), /stop/);
});
