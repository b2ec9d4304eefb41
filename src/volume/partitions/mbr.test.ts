import assert from "node:assert/strict";
import { test } from "node:test";

import type { Piece } from "#testing/disks/sparse-source.ts";
import { fatPieces, ntfsPieces } from "#testing/volumes/filesystem-maker.ts";
import { mbrSector } from "#testing/volumes/partition-maker.ts";
import {
  DISK_SECTORS,
  atSector,
  gptDisk,
  mbrAtStart,
  numbersOf,
  problemsOf,
  readTable,
  tableOf,
  withBadSectors,
} from "#testing/volumes/partitioned-disk.ts";
import { readPartitionTable } from "#volume/partitions/partition-table.ts";

const { signal } = new AbortController();

test("an MBR is read, with its logical partitions", async () => {
  const found = await tableOf([
    mbrAtStart([
      { type: 0x83, first: 63, sectors: 100, flag: 0x80 },
      { type: 0x05, first: 1000, sectors: 1000 },
    ]),
    atSector(
      1000,
      mbrSector([
        { type: 0x82, first: 1, sectors: 99 },
        { type: 0x05, first: 200, sectors: 300 },
      ]),
    ),
    atSector(1200, mbrSector([{ type: 0x83, first: 2, sectors: 50 }])),
  ]);
  assert.deepEqual([found.kind, found.id, found.copies, problemsOf(found)], ["mbr", "00001234", "not kept", []]);
  assert.deepEqual(
    found.partitions.map(({ number, typeText, uuid, bootable, place }) => [
      number,
      typeText,
      uuid,
      bootable,
      place.offsetBytes / 512,
      place.lengthBytes / 512,
    ]),
    [
      [1, "Linux data", "00001234-01", true, 63, 100],
      [5, "Linux swap", "00001234-05", false, 1001, 99],
      [6, "Linux data", "00001234-06", false, 1202, 50],
    ],
  );
});

test("chains that lead in a circle, out of their partition, to nothing or on for ever end", async () => {
  const extended = mbrAtStart([{ type: 0x0f, first: 1000, sectors: 2000 }]);
  const link = (sector: number, next: number): Piece =>
    atSector(
      sector,
      mbrSector([
        { type: 0x83, first: 1, sectors: 1 },
        { type: 0x05, first: next, sectors: 10 },
      ]),
    );
  for (const [what, pieces, message, count] of [
    ["circle", [link(1000, 10), link(1010, 0)], /leads back to sector 1000/, 2],
    ["itself", [link(1000, 10), link(1010, 10)], /leads back to sector 1010/, 2],
    ["out", [link(1000, 3000)], /leads out of it, to sector 4000/, 1],
    ["far out", [link(1000, 0xffffffff)], /leads out of it/, 1],
    ["nothing", [link(1000, 20)], /no link of the chain at sector 1020/, 1],
    ["on", Array.from({ length: 400 }, (_, n) => link(1000 + 3 * n, 3 * n + 3)), /more than 128 links/, 128],
  ] as const) {
    const found = await tableOf([extended, ...pieces]);
    assert.deepEqual(problemsOf(found), ["CHAIN_BROKEN"], what);
    assert.match(found.problems[0]?.message ?? "", message);
    assert.equal(found.partitions.length, count, what);
  }
  assert.deepEqual(problemsOf(await tableOf([extended])), [], "one that was never written to is empty");
});

test("MBR entries that overlap or lie beyond the disk are reported and not followed", async () => {
  const found = await tableOf([
    mbrAtStart([
      { type: 0x83, first: 100, sectors: 100 },
      { type: 0x83, first: 150, sectors: 100 },
      { type: 0x07, first: 4000, sectors: 97 },
      { type: 0x07, first: 3000, sectors: 1000 },
    ]),
  ]);
  assert.deepEqual(numbersOf(found), [4]);
  assert.deepEqual(problemsOf(found), ["ENTRY_OUT_OF_RANGE", "ENTRY_OVERLAPS"]);
});

test("boot sectors of file systems and encrypted volumes are no partition tables", async () => {
  for (const bits of [12, 16, 32] as const)
    assert.equal(await readTable(fatPieces(bits, bits === 12 ? 200 : 5000)), null);
  assert.equal(await readTable(ntfsPieces(4000)), null);
  for (const mark of ["NTFS    ", "EXFAT   ", "-FVE-FS-"]) {
    const sector = mbrSector([]);
    sector.set(new TextEncoder().encode(mark), 3);
    // a serial number where an MBR has its signature
    sector.set([1, 2, 3, 4], 440);
    assert.equal(await readTable([atSector(0, sector)]), null, mark);
  }
  const damaged = fatPieces(16, 5000)[0]?.bytes.with(22, 0xff) ?? new Uint8Array();
  assert.equal(await readTable([atSector(0, damaged.with(440, 1))]), null, "fields of FAT that contradict one another");
});

test("text or code where a table has its entries is no table", async () => {
  const sector = mbrSector([], 0x55667788);
  sector.set(new TextEncoder().encode("Missing operating system. Press any key to restart".padEnd(64)), 446);
  assert.equal(await readTable([atSector(0, sector)]), null);
  assert.equal(await readTable([atSector(0, mbrSector([], 0))]), null, "syslinux' boot sector without entries");
  assert.deepEqual((await tableOf([atSector(0, mbrSector([], 5))])).partitions, [], "a table that nothing is in yet");
  assert.equal(
    await readTable([atSector(0, mbrSector([], 5).with(0, 0xeb).with(2, 0x90))]),
    null,
    "a damaged boot sector",
  );
  assert.equal(await readTable([]), null);
  assert.equal(await readTable([], 512, 100), null);
});

test("a table whose tool kept the fields of an older boot sector is one", async () => {
  const sector = (fatPieces(16, 5000)[0]?.bytes ?? new Uint8Array()).slice();
  sector.set(mbrSector([{ type: 0x83, first: 2048, sectors: 2000 }]).subarray(446), 446);
  const found = await tableOf([atSector(0, sector)]);
  assert.deepEqual([numbersOf(found), problemsOf(found)], [[1], ["BOOT_SECTOR_TOO"]]);
  sector.set(mbrSector([{ type: 0x83, first: 2048, sectors: 3000 }]).subarray(446), 446);
  assert.equal(await readTable([atSector(0, sector)]), null, "entries that do not fit the disk are none");
});

test("a table that was written over the first sector of XFS or ReFS counts, and what is not certainly one does not", async () => {
  for (const [offset, mark] of [
    [0, "XFSB"],
    [3, "ReFS\0\0\0\0"],
  ] as const) {
    const over = (pieces: readonly Piece[]): Piece[] =>
      pieces.map(({ offsetBytes, bytes }) => {
        const marked = bytes.slice();
        if (offsetBytes === 0) marked.set(new TextEncoder().encode(mark), offset);
        return { offsetBytes, bytes: marked };
      });
    for (const pieces of [[mbrAtStart([{ type: 0x83, first: 2048, sectors: 2000 }])], gptDisk()]) {
      const found = await tableOf(over(pieces));
      assert.deepEqual([numbersOf(found), problemsOf(found)], [[1], ["BOOT_SECTOR_TOO"]]);
    }
    for (const uncertain of [mbrSector([], 5), mbrSector([{ type: 0x83, first: 2048, sectors: 3000 }])]) {
      assert.equal(await readTable(over([atSector(0, uncertain)])), null, mark);
      assert.equal(await readTable(over([atSector(0, uncertain.with(510, 0))])), null, mark);
    }
  }
});

test("the sector size of an MBR is guessed by what lies at its partitions' starts", async () => {
  const row = mbrAtStart([{ type: 0x83, first: 100, sectors: 50 }]);
  const four = await tableOf([row, { offsetBytes: 100 * 4096, bytes: new Uint8Array([1]) }], null);
  assert.deepEqual([four.sectorBytes, problemsOf(four)], [4096, ["SECTOR_SIZE_GUESSED"]]);
  for (const pieces of [[row], [row, atSector(100, new Uint8Array([1]))]]) {
    const found = await tableOf(pieces, null);
    assert.deepEqual([found.sectorBytes, problemsOf(found)], [512, []]);
  }
  const large = mbrAtStart([{ type: 0x83, first: 100, sectors: 1000 }]);
  const beyond = await tableOf([large, { offsetBytes: 100 * 4096, bytes: new Uint8Array([1]) }], null);
  assert.deepEqual([beyond.sectorBytes, problemsOf(beyond)], [512, []], "a disk of such sectors has no room for it");
});

test("bad sectors where a GPT or a link of a chain would be leave the rest of an MBR readable", async () => {
  const pieces = [
    mbrAtStart([
      { type: 0x83, first: 100, sectors: 100 },
      { type: 0x05, first: 1000, sectors: 1000 },
    ]),
  ];
  const found = await readPartitionTable(withBadSectors(pieces, 1, 1000, DISK_SECTORS - 1), signal);
  assert.ok(found !== null);
  assert.deepEqual([found.kind, numbersOf(found), problemsOf(found)], ["mbr", [1], ["CHAIN_BROKEN"]]);
});
