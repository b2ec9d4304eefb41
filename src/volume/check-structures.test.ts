import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { seededRandom } from "#testing/random.ts";
import { exfatPieces, extSuperblock, fatPieces, swapPage, xfsSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { lvmArea, lvmLabel, lvmSegment, lvmText } from "#testing/volumes/lvm-maker.ts";
import {
  EXT_GROUP_BYTES,
  btrfsPieces,
  btrfsRootPlaces,
  extPieces,
  ntfsFileTable,
  ntfsMore,
  xfsPieces,
} from "#testing/volumes/structure-maker.ts";
import { checkStructures } from "#volume/check-structures.ts";
import type { Choose, StructureCheck } from "#volume/check-structures.ts";
import { memorySource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
/** Of the parts into which a kind of structure is divided, the first of each. */
const lowest: Choose = () => 0;
/** A record of NTFS that is looked at then. */
const RECORD_5 = ntfsMore.offsetBytes + 1024;

/** File systems of which every structure is right, and how many are looked at. */
const formats: readonly { name: string; sizeBytes: number; pieces: readonly Piece[]; asked: number }[] = [
  { name: "XFS", sizeBytes: MIB, pieces: xfsPieces(), asked: 17 },
  { name: "ext4", sizeBytes: 4 * EXT_GROUP_BYTES, pieces: extPieces(4), asked: 7 },
  { name: "Btrfs", sizeBytes: 128 * MIB, pieces: btrfsPieces(), asked: 4 },
  { name: "NTFS", sizeBytes: MIB + 512, pieces: ntfsFileTable(), asked: 12 },
  { name: "exFAT", sizeBytes: 8 * MIB, pieces: exfatPieces(), asked: 2 },
];

function check(sizeBytes: number, pieces: readonly Piece[], choose = lowest): Promise<StructureCheck> {
  return checkStructures(sparseSource(sizeBytes, pieces), choose, signal);
}

/** The pieces with a bit changed. */
function changed(pieces: readonly Piece[], offsetBytes: number): readonly Piece[] {
  const piece = pieces.findLast((each) => offsetBytes >= each.offsetBytes && offsetBytes < endOf(each));
  assert.ok(piece !== undefined);
  const at = offsetBytes - piece.offsetBytes;
  return [...pieces, { offsetBytes, bytes: Uint8Array.of((piece.bytes[at] ?? 0) ^ 1) }];
}

function endOf({ offsetBytes, bytes }: Piece): number {
  return offsetBytes + bytes.length;
}

test("every structure that is looked at is right, in each format that has checksums", async () => {
  for (const { name, sizeBytes, pieces, asked } of formats) {
    assert.deepEqual(await check(sizeBytes, pieces), { recognised: true, right: asked, asked }, name);
  }
});

test("a bit that is changed in a structure makes that one wrong, and no other", async () => {
  const places: Readonly<Record<string, readonly number[]>> = {
    XFS: [64 * 4096 + 300, 64 * 4096 + 512 + 100, 2 * 64 * 4096 + 1024 + 40, 3 * 64 * 4096 + 1536 + 100],
    ext4: [4096 + 32 + 3, 4096 + 3 * 32 + 30],
    Btrfs: [64 * MIB + 3000, btrfsRootPlaces[0] + 48, btrfsRootPlaces[1] + 16000],
    NTFS: [RECORD_5 + 510, RECORD_5 + 44, 2 * 4096 + 1022],
    exFAT: [12 * 512 + 200],
  };
  for (const { name, sizeBytes, pieces, asked } of formats) {
    for (const at of places[name] ?? []) {
      const found = await check(sizeBytes, changed(pieces, at));
      assert.deepEqual(found, { recognised: true, right: asked - 1, asked }, `${name}, byte ${at}`);
    }
  }
});

test("a copy of ext's superblock whose checksum was not kept right shows nothing; one of another file system is wrong", async () => {
  const pieces = extPieces(4);
  const stale = await check(4 * EXT_GROUP_BYTES, changed(pieces, EXT_GROUP_BYTES + 200));
  assert.deepEqual(stale, { recognised: true, right: 6, asked: 6 });
  const other = await check(4 * EXT_GROUP_BYTES, changed(pieces, EXT_GROUP_BYTES + 104));
  assert.deepEqual(other, { recognised: true, right: 6, asked: 7 });
});

test("a record of NTFS that is not in use shows nothing where its update sequence does not fit", async () => {
  const unused = changed(changed(ntfsFileTable(), RECORD_5 + 22), RECORD_5 + 510);
  assert.deepEqual(await check(MIB + 512, unused), { recognised: true, right: 11, asked: 11 });
});

test("a structure of zeros was never written, and shows nothing", async () => {
  const blank = { offsetBytes: 64 * 4096, bytes: new Uint8Array(4096) };
  assert.deepEqual(await check(MIB, [...xfsPieces(), blank]), { recognised: true, right: 13, asked: 13 });
});

test("a damaged first structure is wrong, whether a copy is found or not", async () => {
  for (const { name, at } of [
    { name: "XFS", at: 108 },
    { name: "ext4", at: 1024 + 120 },
    { name: "Btrfs", at: 64 * 1024 + 299 },
    { name: "exFAT", at: 130 },
  ]) {
    const { sizeBytes, pieces } = formats.find((each) => each.name === name) ?? assert.fail();
    const { recognised, right, asked } = await check(sizeBytes, changed(pieces, at));
    assert.deepEqual([recognised, right], [true, 0], name);
    assert.ok(asked > 0, name);
  }
  const alone = await check(MIB, changed([{ offsetBytes: 0, bytes: xfsSuperblock(64) }], 108));
  assert.deepEqual(alone, { recognised: true, right: 0, asked: 1 });
});

test("what has no checksums is asked for none, and what is not recognised says so", async () => {
  const ext2 = [{ offsetBytes: 1024, bytes: extSuperblock({ readOnly: 0x3 }) }];
  const swap = [{ offsetBytes: 0, bytes: swapPage(4096) }];
  for (const pieces of [fatPieces(32, 70_000), ext2, swap]) {
    assert.deepEqual(await check(256 * MIB, pieces), { recognised: true, right: 0, asked: 0 });
  }
  assert.deepEqual(await check(8 * MIB, []), { recognised: false, right: 0, asked: 0 });
  const noise = memorySource(seededRandom("noise")(MIB));
  assert.deepEqual(await checkStructures(noise, lowest, signal), { recognised: false, right: 0, asked: 0 });
});

test("a file system that is larger than its volume is wrong", async () => {
  const { recognised, right, asked } = await check(3 * EXT_GROUP_BYTES, extPieces(4));
  assert.equal(recognised, true);
  assert.ok(right < asked);
});

test("logical volumes are looked into, where they lie plainly on this physical one", async () => {
  const text = lvmText({
    root: [lvmSegment(0, 1, "pv0", 3), lvmSegment(1, 1, "pv0", 1)],
    elsewhere: [lvmSegment(0, 1, "pv1", 0)],
    hidden1: [lvmSegment(0, 1, "pv0", 2)],
  });
  const inside = xfsPieces(512).flatMap(({ offsetBytes, bytes }): Piece[] => {
    const extent = offsetBytes < 4 * MIB ? 3 : 1;
    return [{ offsetBytes: MIB + extent * 4 * MIB + (offsetBytes % (4 * MIB)), bytes }];
  });
  const pieces = [lvmLabel(400 * MIB), ...lvmArea(text), ...inside];
  assert.deepEqual(await check(420 * MIB, pieces), { recognised: true, right: 18, asked: 18 });
  const damaged = await check(420 * MIB, changed(pieces, MIB + 4 * MIB + 600));
  assert.deepEqual(damaged, { recognised: true, right: 17, asked: 18 });
});

test("different places are looked at each time, all of which the format has", async () => {
  const groups = 400;
  const source = sparseSource(groups * EXT_GROUP_BYTES, extPieces(groups));
  const seen = new Set<number>();
  const noting = {
    ...source,
    read: (offsetBytes: number, lengthBytes: number) => {
      if (lengthBytes === 32) seen.add((offsetBytes - 4096) / 32);
      return source.read(offsetBytes, lengthBytes, signal);
    },
  };
  for (let round = 0; round < 20; round++) {
    const { right, asked } = await checkStructures(noting, (count) => Math.floor(Math.random() * count), signal);
    assert.equal(right, asked);
  }
  assert.ok(seen.size > 40, String(seen.size));
  assert.ok([...seen].every((group) => group >= 0 && group < groups));
});

test("reads that do not depend on one another are begun together", async () => {
  const source = sparseSource(MIB, xfsPieces());
  let [running, most] = [0, 0];
  const slow = {
    ...source,
    read: async (offsetBytes: number, lengthBytes: number) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return source.read(offsetBytes, lengthBytes, signal);
    },
  };
  await checkStructures(slow, lowest, signal);
  assert.equal(most, 16);
});

test("a structure that cannot be read is wrong", async () => {
  const source = sparseSource(MIB, xfsPieces());
  const unreadable = (from: number, to: number): typeof source => ({
    ...source,
    read: (offsetBytes, lengthBytes) =>
      offsetBytes >= from && offsetBytes < to
        ? Promise.reject(new LockstepError("DISK_UNREADABLE", "bad sector"))
        : source.read(offsetBytes, lengthBytes, signal),
  });
  const group = 3 * 64 * 4096;
  const part = await checkStructures(unreadable(group, group + 4096), lowest, signal);
  assert.deepEqual(part, { recognised: true, right: 13, asked: 17 });
  const nothing = await checkStructures(unreadable(0, MIB), lowest, signal);
  assert.deepEqual(nothing, { recognised: false, right: 0, asked: 1 });
});

test("whatever bytes are changed, it counts no more right than it looked at, and throws nothing", async () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 64 })), { maxLength: 8 });
  const survives = async (which: number, edits: readonly [number, Uint8Array][], choice: number): Promise<void> => {
    const { sizeBytes, pieces } = formats[which] ?? assert.fail();
    const edited = edits.map(([number, bytes]): Piece => {
      const { offsetBytes, bytes: old } = pieces[number % pieces.length] ?? assert.fail();
      const at = Math.min(offsetBytes + (number % old.length), sizeBytes - bytes.length);
      return { offsetBytes: at, bytes };
    });
    const { right, asked } = await check(sizeBytes, [...pieces, ...edited], (count) => choice % count);
    assert.ok(right >= 0 && right <= asked);
  };
  await fc.assert(fc.asyncProperty(fc.nat(formats.length - 1), damage, fc.nat(), survives));
});
