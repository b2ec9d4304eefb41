import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { extSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { HEADER_BYTES, KEYSLOTS_BYTES, Luks2Maker, put, writeLuks2Header } from "#testing/volumes/luks2-maker.ts";
import { mbrSector } from "#testing/volumes/partition-maker.ts";
import { LUKS2_HEADER_SIZES } from "#volume/luks2/binary.ts";
import { readLuks2Copies } from "#volume/luks2/copies.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const maker = Luks2Maker.make("copies", []);
const good = maker.written({ sequence: 5 }).slice();

function volume(change: (bytes: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = good.slice();
  change(bytes);
  return bytes;
}

async function read(bytes: Uint8Array) {
  const stored = await readLuks2Copies(memorySource(bytes), signal);
  assert.ok(stored !== null);
  return {
    sequence: stored.binary.sequence,
    label: stored.binary.label,
    codes: stored.warnings.map(({ code }) => code),
    stored,
  };
}

/** The copy's JSON is put out of order, and its checksum is right. */
function malformed(bytes: Uint8Array, copy: "primary" | "secondary"): void {
  const json = structuredClone(maker.json);
  put(json, "segments.0.offset", "17");
  writeLuks2Header(bytes, { copy, json, sequence: 9 });
}

test("two good headers give no warning", async () => {
  const { sequence, codes } = await read(good);
  assert.equal(sequence, 5n);
  assert.deepEqual(codes, []);
});

test("the newer one of two good headers wins, and the other one is told of", async () => {
  for (const [copy, label] of [
    ["primary", "new first"],
    ["secondary", "new second"],
  ] as const) {
    const found = await read(
      volume((bytes) => writeLuks2Header(bytes, { copy, json: maker.json, sequence: 6, label })),
    );
    assert.deepEqual([found.sequence, found.label, found.codes], [6n, label, ["COPIES_DIFFER"]]);
  }
});

test("headers with one sequence id and different contents are suspicious, and the first one is taken", async () => {
  const found = await read(
    volume((bytes) => writeLuks2Header(bytes, { copy: "secondary", json: maker.json, sequence: 5, label: "x" })),
  );
  assert.deepEqual([found.label, found.codes], [null, ["COPIES_DIFFER"]]);
  assert.match(found.stored.warnings[0]?.message ?? "", /one sequence id, 5, and differ/);
});

test("a header that is damaged, malformed or gone is read from the other copy, which cryptsetup repairs it from", async () => {
  const harm: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
    "primary gone": (bytes) => bytes.fill(0, 0, HEADER_BYTES),
    "primary with a flipped byte": (bytes) => bytes.fill(1, 6000, 6001),
    "primary with an impossible size": (bytes) => bytes.fill(0xff, 8, 10),
    "primary malformed": (bytes) => malformed(bytes, "primary"),
    "secondary gone": (bytes) => bytes.fill(0, HEADER_BYTES, 2 * HEADER_BYTES),
    "secondary with a flipped byte": (bytes) => bytes.fill(1, HEADER_BYTES + 6000, HEADER_BYTES + 6001),
    "secondary malformed": (bytes) => malformed(bytes, "secondary"),
  };
  for (const [name, change] of Object.entries(harm)) {
    const found = await read(volume(change));
    assert.deepEqual([found.sequence, found.codes], [5n, ["COPY_DAMAGED"]], name);
    assert.match(found.stored.warnings[0]?.message ?? "", new RegExp(name.split(" ")[0] ?? ""), name);
  }
});

test("a second header is found at each place where it may be", async () => {
  for (const headerBytes of LUKS2_HEADER_SIZES) {
    const json = structuredClone(maker.json);
    put(json, "config.json_size", String(headerBytes - 4096));
    put(json, "segments.0.offset", "0");
    const bytes = new Uint8Array(2 * headerBytes + KEYSLOTS_BYTES);
    writeLuks2Header(bytes, { copy: "secondary", json, headerBytes });
    const { codes, stored } = await read(bytes);
    assert.deepEqual([stored.binary.headerBytes, codes], [headerBytes, ["COPY_DAMAGED"]]);
  }
});

test("what was written over the first header makes the second one remains", async () => {
  const bitlocker = makeBitlocker({}).image.subarray(0, 512);
  for (const [name, start] of [
    ["BitLocker", [0, bitlocker]],
    ["a damaged one", [0, bitlocker.slice().fill(0xff, 160, 200)]],
    ["ext4", [1024, extSuperblock()]],
  ] as const) {
    const bytes = volume((overwritten) => {
      overwritten.fill(0, 0, 4096);
      overwritten.set(start[1], start[0]);
    });
    assert.equal(await readLuks2Copies(memorySource(bytes), signal), null, name);
  }
  // With its magic left it is LUKS2 still, which cryptsetup does not read until it is told to repair it.
  for (const [name, start] of [
    ["ext4", [1024, extSuperblock()]],
    ["a partition table", [440, mbrSector([{ type: 0x83, first: 2048, sectors: 2048 }]).subarray(440)]],
  ] as const) {
    const bytes = volume((damaged) => damaged.set(start[1], start[0]));
    await assert.rejects(readLuks2Copies(memorySource(bytes), signal), {
      code: "HEADER_CORRUPT",
      message: new RegExp(`\\(primary\\): checksum .*; and there is ${name} at the volume's start`),
    });
  }
});

test("a whole header of a size that there is not says where the second one is, and no other place is looked at", async () => {
  const bytes = volume((odd) => writeLuks2Header(odd, { copy: "primary", json: maker.json, headerBytes: 0x4200 }));
  await assert.rejects(readLuks2Copies(memorySource(bytes), signal), {
    code: "HEADER_CORRUPT",
    message: /config\.json_size.*; and there is no secondary header/,
  });
});

test("where neither is good the header is refused, and both reasons are told", async () => {
  const bytes = volume((both) => {
    malformed(both, "primary");
    both.fill(1, HEADER_BYTES + 6000, HEADER_BYTES + 6001);
  });
  await assert.rejects(readLuks2Copies(memorySource(bytes), signal), {
    code: "HEADER_CORRUPT",
    message: /\(primary\): segments\.0\.offset: "17": .*; and .*\(secondary\): checksum/,
  });
});

test("a malformed header whose checksum is right says where the second one is, and no other place is looked at", async () => {
  const bytes = new Uint8Array(0x20000);
  malformed(bytes, "primary");
  const json = structuredClone(maker.json);
  put(json, "config.json_size", String(0x8000 - 4096));
  writeLuks2Header(bytes, { copy: "secondary", json, headerBytes: 0x8000 });
  await assert.rejects(readLuks2Copies(memorySource(bytes), signal), { message: /there is no secondary header/ });
});

test("what is not LUKS2 is null", async () => {
  const none: readonly Uint8Array[] = [
    new Uint8Array(),
    new Uint8Array(7),
    new Uint8Array(1 << 20),
    volume((bytes) => bytes.set([0, 1], 6)), // LUKS1 on top, and a LUKS2 header left behind
    volume((bytes) => {
      bytes.fill(0, 0, HEADER_BYTES);
      bytes.fill(1, HEADER_BYTES + 6000, HEADER_BYTES + 6001); // the rest of a header under something else
    }),
  ];
  for (const [index, bytes] of none.entries()) {
    assert.equal(await readLuks2Copies(memorySource(bytes), signal), null, String(index));
  }
});

test("a later version of LUKS is told apart from damage", async () => {
  const bytes = volume((later) => later.set([0, 3], 6));
  await assert.rejects(readLuks2Copies(memorySource(bytes), signal), {
    code: "VOLUME_UNSUPPORTED",
    message: /version 3/,
  });
});

test("a header that is larger than what it was read from is refused", async () => {
  const short = good.subarray(0, 2 * HEADER_BYTES + KEYSLOTS_BYTES - 1);
  await assert.rejects(readLuks2Copies(memorySource(short), signal), {
    code: "HEADER_CORRUPT",
    message: /headers and keyslots take 425984 bytes, the volume has 425983/,
  });
  await assert.rejects(readLuks2Copies(memorySource(good.subarray(0, 9000)), signal), {
    code: "HEADER_CORRUPT",
    message: /it takes 16384 bytes, 9000 are left/,
  });
});

test("a first header on a bad sector is read from the second one", async () => {
  const source = memorySource(good);
  const bad: VolumeSource = {
    ...source,
    read: async (at, length, aborted) => {
      if (at < HEADER_BYTES) throw new LockstepError("DISK_UNREADABLE", "bad sector");
      return source.read(at, length, aborted);
    },
  };
  const stored = await readLuks2Copies(bad, signal);
  assert.deepEqual(
    stored?.warnings.map(({ code }) => code),
    ["COPY_DAMAGED"],
  );
  assert.equal(stored?.copyHashes.primary, null);
  const worse: VolumeSource = {
    ...source,
    read: async () => Promise.reject(new LockstepError("DISK_UNREADABLE", "bad sector")),
  };
  await assert.rejects(readLuks2Copies(worse, signal), { code: "DISK_UNREADABLE" });
});

test("little is read where there is no LUKS2, and no more than both headers where there is", async () => {
  for (const [bytes, most] of [
    [new Uint8Array(8 << 20), 12 * 4096],
    [good, 5 * 4096 + 2 * HEADER_BYTES],
  ] as const) {
    let read = 0;
    const source = memorySource(bytes);
    const counted: VolumeSource = {
      ...source,
      read: async (at, length, aborted) => {
        read += length;
        return source.read(at, length, aborted);
      },
    };
    await readLuks2Copies(counted, signal);
    assert.ok(read <= most, `${read} bytes`);
  }
});

test("bytes of a header that is not taken count for the hash of its place", async () => {
  const first = await read(volume((bytes) => bytes.fill(1, HEADER_BYTES + 6000, HEADER_BYTES + 6001)));
  const second = await read(volume((bytes) => bytes.fill(2, HEADER_BYTES + 6000, HEADER_BYTES + 6001)));
  assert.deepEqual(first.stored.copyHashes.primary, second.stored.copyHashes.primary);
  assert.notDeepEqual(first.stored.copyHashes.secondary, second.stored.copyHashes.secondary);
});
