import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { equalBytes } from "#bytes/arrays.ts";
import { exportHeader } from "#ops/volumes/export-header.ts";
import { HEADERS_LIMIT_BYTES, readVolumes } from "#ops/volumes/stored-volumes.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import { mbrSector } from "#testing/volumes/partition-maker.ts";
import { readLuks2 } from "#volume/luks2/header.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;

const volume = Luks2Maker.make("export", [{ number: 1, passphrase: "pw" }]).written();

/** A disk with the volume as partitions 1 and, where it is asked for, 2. */
function disk(count: 1 | 2) {
  const bytes = new Uint8Array(4 * MIB);
  const rows = [2048, 4096].slice(0, count).map((first) => ({ type: 0x83, first, sectors: 2048 }));
  bytes.set(mbrSector(rows));
  for (const { first } of rows) bytes.set(volume.subarray(0, MIB), first * 512);
  return memoryDisk(bytes);
}

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-header-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test("the file has each piece of the header where it lies in the volume, and opens as the volume did", async (t) => {
  const folder = await newFolder(t);
  const path = join(folder, "header");
  const live = (await readLuks2(memorySource(volume.subarray(0, MIB)), signal)) ?? assert.fail();
  const volumes = await readVolumes(disk(1), HEADERS_LIMIT_BYTES, signal);
  const written = await exportHeader(volumes, null, path, signal);
  const { headerRanges, payload } = live.facts;
  const headerBytes = headerRanges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  assert.deepEqual(written, { volume: "1", headerBytes });
  const file = new Uint8Array(await readFile(path));
  assert.equal(file.length, payload?.offsetBytes);
  for (const { offsetBytes, lengthBytes } of headerRanges) {
    const end = offsetBytes + lengthBytes;
    assert.ok(equalBytes(file.subarray(offsetBytes, end), volume.subarray(offsetBytes, end)));
  }
  const stored = await readLuks2(memorySource(file), signal);
  assert.equal(stored?.facts.identity, live.facts.identity);
  assert.equal(stored.facts.headerDigest, live.facts.headerDigest);
  assert.deepEqual(await readdir(folder), ["header"]);
});

test("where a disk has several headers, one must be named", async (t) => {
  const folder = await newFolder(t);
  const volumes = await readVolumes(disk(2), HEADERS_LIMIT_BYTES, signal);
  await assert.rejects(exportHeader(volumes, null, join(folder, "x"), signal), {
    code: "ARGUMENT_INVALID",
    hint: "Give --volume with one of 1, 2.",
  });
  assert.equal((await exportHeader(volumes, "2", join(folder, "x"), signal)).volume, "2");
});

test("a header that was not stored is missing, with what there is, and no file is made", async (t) => {
  const folder = await newFolder(t);
  const one = await readVolumes(disk(1), HEADERS_LIMIT_BYTES, signal);
  const none = await readVolumes(memoryDisk(new Uint8Array(MIB)), HEADERS_LIMIT_BYTES, signal);
  for (const [volumes, name, has] of [
    [one, "3", "those of 1"],
    [none, null, "none"],
    [undefined, null, "none"],
    [undefined, "1", "none"],
  ] as const) {
    await assert.rejects(exportHeader(volumes, name, join(folder, "x"), signal), {
      code: "VOLUME_MISSING",
      message: `no such header was stored with the point; it has ${has}`,
    });
  }
  assert.deepEqual(await readdir(folder), []);
});

test("a file that is there is never overwritten", async (t) => {
  const folder = await newFolder(t);
  const path = join(folder, "header");
  await writeFile(path, "mine");
  await assert.rejects(exportHeader(await readVolumes(disk(1), HEADERS_LIMIT_BYTES, signal), null, path, signal), {
    code: "TARGET_EXISTS",
  });
  assert.equal(await readFile(path, "utf8"), "mine");
});
