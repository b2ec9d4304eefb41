import assert from "node:assert/strict";
import { test } from "node:test";

import { sparseSource } from "#testing/disks/sparse-source.ts";
import { gptPieces, linuxData, resealGpt } from "#testing/volumes/partition-maker.ts";
import {
  DISK_BYTES,
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

test("a good GPT is read whole", async () => {
  const found = await tableOf(gptDisk({ entries: [null, { first: 2048, last: 3000, name: "root\u202e", id: 7 }] }));
  assert.deepEqual(found, {
    kind: "gpt",
    sectorBytes: 512,
    id: "04030201-0000-0000-0000-000000000000",
    partitions: [
      {
        number: 2,
        name: "root\\u{202e}",
        typeText: "Linux data",
        typeId: linuxData,
        uuid: "00000000-0000-0000-0000-000000000007",
        place: { offsetBytes: 2048 * 512, lengthBytes: 953 * 512 },
        bootable: true,
      },
    ],
    problems: [],
    copies: "both good",
  });
});

test("a GPT of 4096-byte sectors is found where nothing says the sector size, and where an MBR promises it", async () => {
  const pieces = gptDisk({ sectorBytes: 4096, diskSectors: 1024, entries: [{ first: 10, last: 19 }] });
  const found = await tableOf(pieces, null, 1024 * 4096);
  assert.equal(found.sectorBytes, 4096);
  assert.deepEqual(found.partitions[0]?.place, { offsetBytes: 10 * 4096, lengthBytes: 10 * 4096 });
  assert.deepEqual(problemsOf(await tableOf(pieces, 512, 1024 * 4096)), ["SECTOR_SIZE_GUESSED"]);
});

test("whatever of one copy is damaged, the other is read and a problem says which", async () => {
  for (const [part, copies] of [
    ["first", "only the second good"],
    ["firstEntries", "only the second good"],
    ["second", "only the first good"],
    ["secondEntries", "only the first good"],
  ] as const) {
    const pieces = gptPieces();
    pieces[part].bytes[40] = 0xff;
    const found = await tableOf(Object.values(pieces));
    assert.equal(found.copies, copies, part);
    assert.deepEqual(problemsOf(found), ["COPY_DAMAGED"]);
    assert.match(
      found.problems[0]?.message ?? "",
      new RegExp(`the ${part.startsWith("first") ? "first" : "second"} copy`),
    );
    assert.deepEqual(numbersOf(found), [1]);
  }
});

test("with its start wiped a disk is still a GPT, by its second copy alone", async () => {
  const { second, secondEntries } = gptPieces();
  const found = await tableOf([second, secondEntries]);
  assert.equal(found.copies, "only the second good");
  assert.deepEqual(problemsOf(found).sort(), ["COPY_DAMAGED", "PROTECTIVE_MBR_MISSING"]);
});

test("with protective MBR and first header damaged, the entries that are left show whose the second copy is", async () => {
  const pieces = gptPieces();
  pieces.first.bytes[40] = 0xff;
  pieces.mbr.bytes[510] = 0;
  const found = await tableOf(Object.values(pieces));
  assert.equal(found.copies, "only the second good");
});

test("a second copy that an older use of the disk left is no table", async () => {
  const { first, second, secondEntries } = gptPieces();
  const superblock = { offsetBytes: 1024, bytes: new Uint8Array(100).fill(1) };
  assert.equal(await readTable([second, secondEntries, superblock]), null);
  assert.equal(await readTable([first, second, secondEntries, superblock]), null);
  assert.equal(
    await readTable([second, secondEntries, atSector(128, new Uint8Array([1]))]),
    null,
    "Btrfs begins at 64 KiB",
  );
});

test("the second copy is found where the disk once ended", async () => {
  const grown = 3 * DISK_BYTES;
  const whole = gptPieces();
  const found = await tableOf(Object.values(whole), 512, grown);
  assert.equal(found.copies, "both good");
  assert.deepEqual(problemsOf(found), ["COPY_NOT_AT_END"]);
  const withoutFirst = await tableOf([whole.mbr, whole.second, whole.secondEntries], 512, grown);
  assert.equal(withoutFirst.copies, "only the second good");
});

test("two good copies that differ are told, and the first counts", async () => {
  const a = gptPieces();
  const b = gptPieces({ entries: [{ first: 2048, last: 2500 }] });
  const found = await tableOf([a.mbr, a.first, a.firstEntries, b.second, b.secondEntries]);
  assert.equal(found.copies, "differ");
  assert.deepEqual(problemsOf(found), ["COPIES_DIFFER"]);
  assert.equal(found.partitions[0]?.place.lengthBytes, 953 * 512);
});

test("a protective MBR without a good GPT is corrupt, and the error says what both copies are", async () => {
  const pieces = gptPieces();
  pieces.first.bytes[40] = 0xff;
  await assert.rejects(readTable([pieces.mbr, pieces.first]), {
    code: "HEADER_CORRUPT",
    message: /first copy at sector 1 is damaged \(the checksum of the header is wrong\), its second missing/,
  });
});

test("GPT entries that no disk can have are reported and not followed", async () => {
  for (const [entry, code] of [
    [{ first: 3000, last: 2999 }, "ENTRY_BACKWARDS"],
    [{ first: 2048, last: DISK_SECTORS }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 2n ** 64n - 1n, last: 2n ** 64n - 1n }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 2048, last: 2n ** 63n }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 1, last: 100 }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 33, last: 100 }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 4000, last: DISK_SECTORS - 1 }, "ENTRY_OUT_OF_RANGE"],
  ] as const) {
    const found = await tableOf(gptDisk({ entries: [entry, { first: 200, last: 300 }] }));
    assert.deepEqual(numbersOf(found), [2], `${entry.first} to ${entry.last}`);
    assert.deepEqual(problemsOf(found), [code]);
    assert.match(found.problems[0]?.message ?? "", /^partition 1: sectors/);
  }
});

test("what lies outside the usable sectors, but over nothing, is followed and reported", async () => {
  const found = await tableOf(gptDisk({ firstUsable: 100, entries: [{ first: 40, last: 200 }] }));
  assert.deepEqual([numbersOf(found), problemsOf(found)], [[1], ["ENTRY_NOT_USABLE"]]);
});

test("of partitions that overlap none is followed, and neighbours are", async () => {
  const entries = [
    { first: 100, last: 199 },
    { first: 200, last: 299 },
    { first: 250, last: 260 },
    { first: 299, last: 350 },
    { first: 351, last: 400 },
  ];
  const found = await tableOf(gptDisk({ entries }));
  assert.deepEqual(numbersOf(found), [1, 5]);
  assert.deepEqual(problemsOf(found), ["ENTRY_OVERLAPS", "ENTRY_OVERLAPS"]);
});

test("header fields that would make a reader read much, or round, are refused", async () => {
  const changes: [string, (view: DataView) => void][] = [
    ["header size", (view) => view.setUint32(12, 513, true)],
    ["header size below 92", (view) => view.setUint32(12, 91, true)],
    ["own sector", (view) => view.setBigUint64(24, 2n, true)],
    ["usable sectors", (view) => view.setBigUint64(40, 5000n, true)],
    ["a sector above 2^53", (view) => view.setBigUint64(48, 2n ** 53n, true)],
    ["place of the entries", (view) => view.setBigUint64(72, 4090n, true)],
    ["entries at sector 0", (view) => view.setBigUint64(72, 0n, true)],
    ["count of entries", (view) => view.setUint32(80, 8193, true)],
    ["greatest count of entries", (view) => view.setUint32(80, 0xffffffff, true)],
    ["size of entries", (view) => view.setUint32(84, 64, true)],
    ["odd size of entries", (view) => view.setUint32(84, 192, true)],
    ["greatest size of entries", (view) => view.setUint32(84, 0x80000000, true)],
  ];
  for (const [what, change] of changes) {
    const pieces = gptPieces();
    change(new DataView(pieces.first.bytes.buffer));
    resealGpt(pieces.first.bytes);
    const source = sparseSource(DISK_BYTES, Object.values(pieces), 512);
    const found = await readPartitionTable(source, signal);
    assert.equal(found?.copies, "only the second good", what);
    assert.ok(source.bytesRead() < 64 * 1024, `${what}: ${source.bytesRead()} bytes`);
  }
});

test("entries behind the last that Linux reads are told of, and not followed", async () => {
  const entries = Array.from({ length: 300 }, (_, index) => ({ first: 2048 + index, last: 2048 + index }));
  const found = await tableOf(gptDisk({ entries }));
  assert.deepEqual([found.partitions.length, found.partitions.at(-1)?.number], [256, 256]);
  assert.deepEqual(problemsOf(found), ["TOO_MANY_ENTRIES"]);
  assert.deepEqual(problemsOf(await tableOf(gptDisk({ entries: entries.slice(0, 256) }))), []);
});

test("an MBR with partitions of its own counts more than a GPT that it does not point to", async () => {
  const found = await tableOf([
    ...gptDisk({ protective: false }),
    mbrAtStart([{ type: 0x83, first: 2048, sectors: 100 }]),
  ]);
  assert.deepEqual([found.kind, numbersOf(found), problemsOf(found)], ["mbr", [1], ["GPT_IGNORED"]]);
});

test("a hybrid MBR is told; where the GPT is gone its own partitions are read", async () => {
  const hybrid = mbrAtStart([
    { type: 0xee, first: 1, sectors: 100 },
    { type: 0x0c, first: 2048, sectors: 100 },
  ]);
  assert.deepEqual(problemsOf(await tableOf([...gptDisk(), hybrid])), ["HYBRID_MBR"]);
  const alone = await tableOf([hybrid]);
  assert.deepEqual([alone.kind, numbersOf(alone), problemsOf(alone)], ["mbr", [2], ["GPT_IGNORED"]]);
});

test("a GPT stands without a protective MBR, not under an encrypted volume", async () => {
  const found = await tableOf(gptDisk({ protective: false }));
  assert.deepEqual([found.kind, problemsOf(found)], ["gpt", ["PROTECTIVE_MBR_MISSING"]]);
  const luks = { offsetBytes: 0, bytes: Uint8Array.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]) };
  assert.equal(await readTable([...gptDisk({ protective: false }), luks]), null);
});

test("a copy of a GPT on bad sectors is damaged, and the other one is read", async () => {
  for (const [copies, ...bad] of [
    ["only the second good", 1],
    ["only the second good", 5],
    ["only the first good", DISK_SECTORS - 1],
    ["only the first good", DISK_SECTORS - 10],
  ] as const) {
    const found = await readPartitionTable(withBadSectors(gptDisk(), ...bad), signal);
    assert.ok(found !== null);
    assert.deepEqual([found.copies, numbersOf(found), problemsOf(found)], [copies, [1], ["COPY_DAMAGED"]]);
    assert.match(found.problems[0]?.message ?? "", /cannot be read$/);
  }
  await assert.rejects(readPartitionTable(withBadSectors(gptDisk(), 1, DISK_SECTORS - 1), signal), {
    code: "HEADER_CORRUPT",
  });
});
