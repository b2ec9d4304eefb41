import assert from "node:assert/strict";
import { test } from "node:test";

import type { DiskSource } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { HEADERS_LIMIT_BYTES, readVolumes, storedHeader, storedMap } from "#ops/volumes/stored-volumes.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import { sparseSource } from "#testing/disks/sparse-source.ts";
import { extSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { mbrSector } from "#testing/volumes/partition-maker.ts";
import { readLuks1 } from "#volume/luks1/header.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;

/** An MBR, and the sample as its partition. */
function diskBytes(): Uint8Array {
  const bytes = new Uint8Array(3 * MIB);
  bytes.set(mbrSector([{ type: 0x83, first: 2048, sectors: 4096 }]));
  bytes.set(sampleVolume, MIB);
  return bytes;
}

test("the stored header alone reads as the volume's own", async () => {
  const disk = memoryDisk(diskBytes());
  const volumes = await readVolumes(disk, HEADERS_LIMIT_BYTES, signal);
  assert.deepEqual([volumes.format, volumes.failure], [1, null]);
  const live = storedMap(volumes)?.volumes[0]?.encrypted ?? assert.fail();
  const pieces = storedHeader(volumes, "1") ?? assert.fail();
  const stored = await readLuks1(sparseSource(2 * MIB, pieces), signal);
  assert.equal(JSON.stringify(stored?.facts), JSON.stringify(live));
  assert.equal(storedHeader(volumes, "2"), null);
});

test("the map is as it comes back from JSON", async () => {
  const { map } = await readVolumes(memoryDisk(diskBytes()), HEADERS_LIMIT_BYTES, signal);
  assert.deepEqual(map, JSON.parse(JSON.stringify(map)));
});

test("a map of a later format, or none, is not taken for one", async () => {
  const volumes = await readVolumes(memoryDisk(diskBytes()), HEADERS_LIMIT_BYTES, signal);
  assert.notEqual(storedMap(volumes), null);
  assert.equal(storedMap({ ...volumes, format: 2 }), null);
  assert.equal(storedMap(undefined), null);
  assert.equal(storedMap(null), null);
});

test("a plain disk has a map and no headers", async () => {
  const bytes = new Uint8Array(MIB);
  bytes.set(extSuperblock({ blocks: 200 }), 1024);
  const { map, headers } = await readVolumes(memoryDisk(bytes), HEADERS_LIMIT_BYTES, signal);
  assert.deepEqual(headers, []);
  assert.partialDeepStrictEqual(map, { volumes: [{ name: "disk", content: { kind: "file system" } }] });
});

test("a damaged partition table or a disk that does not answer stops no backup", async () => {
  const damaged = new Uint8Array(MIB);
  damaged.set(mbrSector([{ type: 0xee, first: 1, sectors: 2047 }]));
  const { map, failure } = await readVolumes(memoryDisk(damaged), HEADERS_LIMIT_BYTES, signal);
  assert.equal(failure, null);
  assert.partialDeepStrictEqual(map, { volumes: [{ failure: { code: "HEADER_CORRUPT" } }] });

  const refusing: DiskSource = {
    ...memoryDisk(new Uint8Array(MIB)),
    read: () => Promise.reject(new LockstepError("DISK_UNREADABLE", "sector 0 is bad")),
  };
  assert.deepEqual(await readVolumes(refusing, HEADERS_LIMIT_BYTES, signal), {
    format: 1,
    map: null,
    headers: [],
    failure: "sector 0 is bad",
  });
});

test("a header that cannot be read again is said to be missing, and the map and the other headers are kept", async () => {
  const bytes = new Uint8Array(5 * MIB);
  const partitions = [2048, 6144].map((first) => ({ type: 0x83, first, sectors: 4096 }));
  bytes.set(mbrSector(partitions));
  for (const { first } of partitions) bytes.set(sampleVolume, first * 512);
  const whole = memoryDisk(bytes);
  let isInspected = false; // the second volume is looked at last
  const disk: DiskSource = {
    ...whole,
    read: (at, into, readSignal) => {
      isInspected ||= at >= 3 * MIB && at < 5 * MIB - 8192;
      if (isInspected && at < 3 * MIB) return Promise.reject(new LockstepError("DISK_UNREADABLE", "it is bad now"));
      return whole.read(at, into, readSignal);
    },
  };
  const { map, headers, failure } = await readVolumes(disk, HEADERS_LIMIT_BYTES, signal);
  assert.notEqual(map, null);
  assert.deepEqual(
    headers.map(({ volume }) => volume),
    ["2"],
  );
  assert.equal(failure, "the header of volume 1 was not stored apart from the data: it is bad now");
});

test("a bug in a reader stops no backup and is said; a disk that changes under it does", async () => {
  const failing = (error: Error): DiskSource => ({
    ...memoryDisk(new Uint8Array(MIB)),
    read: () => Promise.reject(error),
  });
  const { map, failure } = await readVolumes(failing(new TypeError("x is undefined")), HEADERS_LIMIT_BYTES, signal);
  assert.equal(map, null);
  assert.match(failure ?? "", /bug in Lockstep.*x is undefined/);
  const inUse = failing(new LockstepError("DISK_IN_USE", "it became shorter"));
  await assert.rejects(readVolumes(inUse, HEADERS_LIMIT_BYTES, signal), { code: "DISK_IN_USE" });
});

test("headers for which a point's body has no room are left out, and that is said", async () => {
  const { map, headers, failure } = await readVolumes(memoryDisk(diskBytes()), 1000, signal);
  assert.notEqual(map, null);
  assert.deepEqual(headers, []);
  assert.match(failure ?? "", /was not stored apart from the data/);
});
