import assert from "node:assert/strict";
import { test } from "node:test";

import { sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { exfatPieces, fatPieces, ntfsPieces, ntfsRecord } from "#testing/volumes/filesystem-maker.ts";
import { exfat } from "#volume/filesystem/exfat.ts";
import { parseFatBoot } from "#volume/filesystem/fat-boot.ts";
import { fat } from "#volume/filesystem/fat.ts";
import { restoreRecord, volumeName } from "#volume/filesystem/ntfs-record.ts";
import { ntfs } from "#volume/filesystem/ntfs.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const SECTORS = 131071;
const source = (pieces: readonly Piece[], sizeBytes = (SECTORS + 1) * 512) => sparseSource(sizeBytes, pieces);
const changed = (pieces: readonly Piece[], index: number, at: number, to: number): Piece[] =>
  pieces.map((piece, each) => (each === index ? { ...piece, bytes: piece.bytes.with(at, to) } : piece));

test("NTFS is verified by its first file record, and named by the record of $Volume", async () => {
  assert.deepEqual(await ntfs.find(source(ntfsPieces(SECTORS)), signal), {
    kind: "file system",
    type: "ntfs",
    variant: null,
    label: "System",
    uuid: "0123456789ABCDEF",
    sizeBytes: SECTORS * 512,
    verified: "checksum",
    copy: { which: "first", offsetBytes: 0 },
    problems: [],
    lvm: null,
  });
});

test("NTFS' boot sector is read from its copy, and its file table from the mirror", async () => {
  const pieces = ntfsPieces(SECTORS);
  const broken = await ntfs.find(source(changed(pieces, 0, 11, 1)), signal);
  assert.deepEqual([broken?.copy.which, broken?.copy.offsetBytes], ["backup", SECTORS * 512]);
  assert.equal((await ntfs.findCopy(source(pieces.slice(1)), signal))?.verified, "checksum");
  const mirrored = await ntfs.find(source(changed(pieces, 1, 510, 0)), signal);
  assert.deepEqual(
    [mirrored?.verified, mirrored?.label, mirrored?.problems[0]?.code],
    ["checksum", "System", "INCONSISTENT"],
  );
  const neither = await ntfs.find(source(changed(changed(pieces, 1, 510, 0), 2, 0, 0)), signal);
  assert.deepEqual([neither?.verified, neither?.problems.length], ["magic only", 2]);
});

test("a file record of which a piece was not written with the others is refused", () => {
  const record = ntfsRecord("Data");
  const restored = restoreRecord(record.slice());
  assert.deepEqual([restored?.[510], restored?.[1022]], [0xaa, 0xbb]);
  assert.equal(volumeName(restored ?? record), "Data");
  for (const [at, to] of [
    [1022, 0],
    [0, 0],
    [6, 4],
    [5, 255],
    [4, 2],
  ] as const) {
    assert.equal(restoreRecord(record.with(at, to)), null, `byte ${at}`);
  }
});

test("attributes that lead nowhere give no name and end", () => {
  for (const [at, to] of [
    [84, 0],
    [84, 8],
    [87, 255],
    [98, 255],
    [100, 255],
    [20, 0],
    [21, 4],
  ] as const) {
    assert.equal(volumeName(ntfsRecord("Data").with(at, to)), null, `byte ${at}`);
  }
});

test("the kind of FAT follows from the count of clusters, to the last one", () => {
  const kind = (bits: 12 | 16 | 32, clusters: number) =>
    parseFatBoot(fatPieces(bits, clusters)[0]?.bytes ?? new Uint8Array())?.bits;
  assert.equal(kind(12, 4084), 12);
  assert.equal(kind(16, 4085), 16);
  assert.equal(kind(16, 65524), 16);
  assert.equal(kind(16, 65525), undefined, "no FAT16 has so many");
  assert.equal(kind(32, 65525), 32);
  assert.equal(kind(32, 1000), 32, "a table size in the 32-bit field says so");
});

test("FAT is read, and its label taken from the root folder", async () => {
  for (const [bits, clusters] of [
    [12, 300],
    [16, 5000],
    [32, 70000],
  ] as const) {
    const found = await fat.find(source(fatPieces(bits, clusters)), signal);
    assert.deepEqual(
      [found?.variant, found?.label, found?.uuid, found?.verified, found?.problems],
      [`FAT${bits}`, "ROOT", "DEAD-BEEF", "structure", []],
    );
    const [boot, table] = fatPieces(bits, clusters);
    const bare = await fat.find(source([boot, table].filter((piece) => piece !== undefined)), signal);
    assert.equal(bare?.label, "BOOT");
    const other = await fat.find(source(changed(fatPieces(bits, clusters), 1, 0, 0xf0)), signal);
    assert.deepEqual([other?.verified, other?.problems[0]?.code], ["magic only", "INCONSISTENT"]);
  }
});

test("FAT32 is read from the copy of its boot sector", async () => {
  const found = await fat.findCopy(source(fatPieces(32, 70000).slice(1)), signal);
  assert.deepEqual([found?.variant, found?.copy], ["FAT32", { which: "backup", offsetBytes: 3072 }]);
});

test("FAT with a table too small for its last clusters is read, as by Linux, unless the root folder is among those", () => {
  const boot = (bits: 16 | 32, clusters: number) => fatPieces(bits, clusters)[0]?.bytes ?? new Uint8Array();
  assert.equal(parseFatBoot(boot(16, 5000).with(22, 19))?.bits, 16); // it takes 20 sectors
  assert.equal(parseFatBoot(boot(32, 1000).with(36, 7))?.bits, 32); // it takes 8
  assert.equal(parseFatBoot(boot(32, 1000).with(36, 7).with(45, 3))?.bits, 32); // cluster 770 of 896
  assert.equal(parseFatBoot(boot(32, 1000).with(36, 6).with(45, 3)), null); // and of 768
});

test("FAT numbers that contradict one another are refused", () => {
  const boot = fatPieces(16, 5000)[0]?.bytes ?? new Uint8Array();
  for (const [what, at, to] of [
    ["no jump", 0, 0],
    ["sector size", 12, 3],
    ["cluster size", 13, 3],
    ["reserved sectors", 14, 0],
    ["number of tables", 16, 3],
    ["root entries", 17, 0],
    ["media", 21, 0x12],
    ["table size", 22, 0],
    ["end mark", 510, 0],
  ] as const) {
    assert.notEqual(boot[at], to);
    assert.equal(parseFatBoot(boot.with(at, to)), null, what);
  }
});

test("exFAT is verified by the checksum of its boot region, or of the copy", async () => {
  const pieces = exfatPieces();
  const found = await exfat.find(source(pieces), signal);
  assert.deepEqual(
    [found?.verified, found?.label, found?.uuid, found?.sizeBytes, found?.copy.which],
    ["checksum", "Stick", "CAFE-0001", 8 * MIB, "first"],
  );
  assert.equal(
    (await exfat.find(source(changed(pieces, 0, 112, 50)), signal))?.verified,
    "checksum",
    "use is not summed",
  );
  for (const at of [2, 72, 108, 2000]) {
    const copy = await exfat.find(source(changed(pieces, 0, at, 1)), signal);
    assert.deepEqual([copy?.verified, copy?.copy.offsetBytes], ["checksum", 6144], `byte ${at}`);
  }
  const both = await exfat.find(source(changed(changed(pieces, 0, 2000, 1), 1, 2000, 1)), signal);
  assert.deepEqual([both?.verified, both?.problems[0]?.code], ["magic only", "CHECKSUM_WRONG"]);
});
