import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { fatPieces, ntfsPieces } from "#testing/volumes/filesystem-maker.ts";
import {
  gptPieces,
  linuxData,
  mbrSector,
  resealGpt,
  type GptOptions,
  type MbrRow,
} from "#testing/volumes/partition-maker.ts";
import { readPartitionTable } from "#volume/partitions/partition-table.ts";
import { endOf, type PartitionTable } from "#volume/partitions/partition.ts";
import type { VolumeSource } from "#volume/source/source.ts";

const { signal } = new AbortController();
const SECTORS = 4096;
const DISK_BYTES = SECTORS * 512;

const read = (pieces: readonly Piece[], sectorBytes: number | null = 512, sizeBytes = DISK_BYTES) =>
  readPartitionTable(sparseSource(sizeBytes, pieces, sectorBytes), signal);

async function table(pieces: readonly Piece[], sectorBytes: number | null = 512, sizeBytes = DISK_BYTES) {
  const found = await read(pieces, sectorBytes, sizeBytes);
  assert.ok(found !== null, "there is a table");
  return found;
}

const gpt = (options: GptOptions = {}): Piece[] => Object.values(gptPieces(options));
const problemsOf = ({ problems }: PartitionTable): string[] => problems.map(({ code }) => code);
const numbersOf = ({ partitions }: PartitionTable): number[] => partitions.map(({ number }) => number);
const mbr = (rows: readonly (MbrRow | null)[], signature = 0x1234): Piece => ({
  offsetBytes: 0,
  bytes: mbrSector(rows, signature),
});
const at = (sector: number, bytes: Uint8Array): Piece => ({ offsetBytes: sector * 512, bytes });

test("a good GPT is read whole", async () => {
  const found = await table(gpt({ entries: [null, { first: 2048, last: 3000, name: "root\u202e", id: 7 }] }));
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
  const pieces = gpt({ sectorBytes: 4096, diskSectors: 1024, entries: [{ first: 10, last: 19 }] });
  const found = await table(pieces, null, 1024 * 4096);
  assert.equal(found.sectorBytes, 4096);
  assert.deepEqual(found.partitions[0]?.place, { offsetBytes: 10 * 4096, lengthBytes: 10 * 4096 });
  assert.deepEqual(problemsOf(await table(pieces, 512, 1024 * 4096)), ["SECTOR_SIZE_GUESSED"]);
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
    const found = await table(Object.values(pieces));
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
  const found = await table([second, secondEntries]);
  assert.equal(found.copies, "only the second good");
  assert.deepEqual(problemsOf(found).sort(), ["COPY_DAMAGED", "PROTECTIVE_MBR_MISSING"]);
});

test("with protective MBR and first header damaged, the entries that are left show whose the second copy is", async () => {
  const pieces = gptPieces();
  pieces.first.bytes[40] = 0xff;
  pieces.mbr.bytes[510] = 0;
  const found = await table(Object.values(pieces));
  assert.equal(found.copies, "only the second good");
});

test("a second copy that an older use of the disk left is no table", async () => {
  const { first, second, secondEntries } = gptPieces();
  const superblock = { offsetBytes: 1024, bytes: new Uint8Array(100).fill(1) };
  assert.equal(await read([second, secondEntries, superblock]), null);
  assert.equal(await read([first, second, secondEntries, superblock]), null);
  assert.equal(await read([second, secondEntries, at(128, new Uint8Array([1]))]), null, "Btrfs begins at 64 KiB");
});

test("the second copy is found where the disk once ended", async () => {
  const grown = 3 * DISK_BYTES;
  const whole = gptPieces();
  const found = await table(Object.values(whole), 512, grown);
  assert.equal(found.copies, "both good");
  assert.deepEqual(problemsOf(found), ["COPY_NOT_AT_END"]);
  const withoutFirst = await table([whole.mbr, whole.second, whole.secondEntries], 512, grown);
  assert.equal(withoutFirst.copies, "only the second good");
});

test("two good copies that differ are told, and the first counts", async () => {
  const a = gptPieces();
  const b = gptPieces({ entries: [{ first: 2048, last: 2500 }] });
  const found = await table([a.mbr, a.first, a.firstEntries, b.second, b.secondEntries]);
  assert.equal(found.copies, "differ");
  assert.deepEqual(problemsOf(found), ["COPIES_DIFFER"]);
  assert.equal(found.partitions[0]?.place.lengthBytes, 953 * 512);
});

test("a protective MBR without a good GPT is corrupt, and the error says what both copies are", async () => {
  const pieces = gptPieces();
  pieces.first.bytes[40] = 0xff;
  await assert.rejects(read([pieces.mbr, pieces.first]), {
    code: "HEADER_CORRUPT",
    message: /first copy at sector 1 is damaged \(the checksum of the header is wrong\), its second missing/,
  });
});

test("GPT entries that no disk can have are reported and not followed", async () => {
  for (const [entry, code] of [
    [{ first: 3000, last: 2999 }, "ENTRY_BACKWARDS"],
    [{ first: 2048, last: SECTORS }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 2n ** 64n - 1n, last: 2n ** 64n - 1n }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 2048, last: 2n ** 63n }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 1, last: 100 }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 33, last: 100 }, "ENTRY_OUT_OF_RANGE"],
    [{ first: 4000, last: SECTORS - 1 }, "ENTRY_OUT_OF_RANGE"],
  ] as const) {
    const found = await table(gpt({ entries: [entry, { first: 200, last: 300 }] }));
    assert.deepEqual(numbersOf(found), [2], `${entry.first} to ${entry.last}`);
    assert.deepEqual(problemsOf(found), [code]);
    assert.match(found.problems[0]?.message ?? "", /^partition 1: sectors/);
  }
});

test("what lies outside the usable sectors, but over nothing, is followed and reported", async () => {
  const found = await table(gpt({ firstUsable: 100, entries: [{ first: 40, last: 200 }] }));
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
  const found = await table(gpt({ entries }));
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
  const found = await table(gpt({ entries }));
  assert.deepEqual([found.partitions.length, found.partitions.at(-1)?.number], [256, 256]);
  assert.deepEqual(problemsOf(found), ["TOO_MANY_ENTRIES"]);
  assert.deepEqual(problemsOf(await table(gpt({ entries: entries.slice(0, 256) }))), []);
});

test("an MBR with partitions of its own counts more than a GPT that it does not point to", async () => {
  const found = await table([...gpt({ protective: false }), mbr([{ type: 0x83, first: 2048, sectors: 100 }])]);
  assert.deepEqual([found.kind, numbersOf(found), problemsOf(found)], ["mbr", [1], ["GPT_IGNORED"]]);
});

test("a hybrid MBR is told; where the GPT is gone its own partitions are read", async () => {
  const hybrid = mbr([
    { type: 0xee, first: 1, sectors: 100 },
    { type: 0x0c, first: 2048, sectors: 100 },
  ]);
  assert.deepEqual(problemsOf(await table([...gpt(), hybrid])), ["HYBRID_MBR"]);
  const alone = await table([hybrid]);
  assert.deepEqual([alone.kind, numbersOf(alone), problemsOf(alone)], ["mbr", [2], ["GPT_IGNORED"]]);
});

test("a GPT stands without a protective MBR, not under an encrypted volume", async () => {
  const found = await table(gpt({ protective: false }));
  assert.deepEqual([found.kind, problemsOf(found)], ["gpt", ["PROTECTIVE_MBR_MISSING"]]);
  const luks = { offsetBytes: 0, bytes: Uint8Array.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]) };
  assert.equal(await read([...gpt({ protective: false }), luks]), null);
});

test("an MBR is read, with its logical partitions", async () => {
  const found = await table([
    mbr([
      { type: 0x83, first: 63, sectors: 100, flag: 0x80 },
      { type: 0x05, first: 1000, sectors: 1000 },
    ]),
    at(
      1000,
      mbrSector([
        { type: 0x82, first: 1, sectors: 99 },
        { type: 0x05, first: 200, sectors: 300 },
      ]),
    ),
    at(1200, mbrSector([{ type: 0x83, first: 2, sectors: 50 }])),
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
  const extended = mbr([{ type: 0x0f, first: 1000, sectors: 2000 }]);
  const link = (sector: number, next: number): Piece =>
    at(
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
    const found = await table([extended, ...pieces]);
    assert.deepEqual(problemsOf(found), ["CHAIN_BROKEN"], what);
    assert.match(found.problems[0]?.message ?? "", message);
    assert.equal(found.partitions.length, count, what);
  }
  assert.deepEqual(problemsOf(await table([extended])), [], "one that was never written to is empty");
});

test("MBR entries that overlap or lie beyond the disk are reported and not followed", async () => {
  const found = await table([
    mbr([
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
  for (const bits of [12, 16, 32] as const) assert.equal(await read(fatPieces(bits, bits === 12 ? 200 : 5000)), null);
  assert.equal(await read(ntfsPieces(4000)), null);
  for (const mark of ["NTFS    ", "EXFAT   ", "-FVE-FS-"]) {
    const sector = mbrSector([]);
    sector.set(new TextEncoder().encode(mark), 3);
    // a serial number where an MBR has its signature
    sector.set([1, 2, 3, 4], 440);
    assert.equal(await read([at(0, sector)]), null, mark);
  }
  const damaged = fatPieces(16, 5000)[0]?.bytes.with(22, 0xff) ?? new Uint8Array();
  assert.equal(await read([at(0, damaged.with(440, 1))]), null, "fields of FAT that contradict one another");
});

test("text or code where a table has its entries is no table", async () => {
  const sector = mbrSector([], 0x55667788);
  sector.set(new TextEncoder().encode("Missing operating system. Press any key to restart".padEnd(64)), 446);
  assert.equal(await read([at(0, sector)]), null);
  assert.equal(await read([at(0, mbrSector([], 0))]), null, "syslinux' boot sector without entries");
  assert.deepEqual((await table([at(0, mbrSector([], 5))])).partitions, [], "a table that nothing is in yet");
  assert.equal(await read([at(0, mbrSector([], 5).with(0, 0xeb).with(2, 0x90))]), null, "a damaged boot sector");
  assert.equal(await read([]), null);
  assert.equal(await read([], 512, 100), null);
});

test("a table whose tool kept the fields of an older boot sector is one", async () => {
  const sector = (fatPieces(16, 5000)[0]?.bytes ?? new Uint8Array()).slice();
  sector.set(mbrSector([{ type: 0x83, first: 2048, sectors: 2000 }]).subarray(446), 446);
  const found = await table([at(0, sector)]);
  assert.deepEqual([numbersOf(found), problemsOf(found)], [[1], ["BOOT_SECTOR_TOO"]]);
  sector.set(mbrSector([{ type: 0x83, first: 2048, sectors: 3000 }]).subarray(446), 446);
  assert.equal(await read([at(0, sector)]), null, "entries that do not fit the disk are none");
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
    for (const pieces of [[mbr([{ type: 0x83, first: 2048, sectors: 2000 }])], Object.values(gptPieces())]) {
      const found = await table(over(pieces));
      assert.deepEqual([numbersOf(found), problemsOf(found)], [[1], ["BOOT_SECTOR_TOO"]]);
    }
    for (const uncertain of [mbrSector([], 5), mbrSector([{ type: 0x83, first: 2048, sectors: 3000 }])]) {
      assert.equal(await read(over([at(0, uncertain)])), null, mark);
      assert.equal(await read(over([at(0, uncertain.with(510, 0))])), null, mark);
    }
  }
});

test("the sector size of an MBR is guessed by what lies at its partitions' starts", async () => {
  const row = mbr([{ type: 0x83, first: 100, sectors: 50 }]);
  const four = await table([row, { offsetBytes: 100 * 4096, bytes: new Uint8Array([1]) }], null);
  assert.deepEqual([four.sectorBytes, problemsOf(four)], [4096, ["SECTOR_SIZE_GUESSED"]]);
  for (const pieces of [[row], [row, at(100, new Uint8Array([1]))]]) {
    const found = await table(pieces, null);
    assert.deepEqual([found.sectorBytes, problemsOf(found)], [512, []]);
  }
  const large = mbr([{ type: 0x83, first: 100, sectors: 1000 }]);
  const beyond = await table([large, { offsetBytes: 100 * 4096, bytes: new Uint8Array([1]) }], null);
  assert.deepEqual([beyond.sectorBytes, problemsOf(beyond)], [512, []], "a disk of such sectors has no room for it");
});

test("whatever bytes are changed, a table is on the disk without overlaps, or there is an error of ours", async () => {
  const kinds = [
    gpt({
      entries: [
        { first: 100, last: 200 },
        { first: 300, last: 400 },
      ],
    }),
    [
      mbr([
        { type: 0x83, first: 63, sectors: 100 },
        { type: 0x05, first: 1000, sectors: 1000 },
      ]),
      at(
        1000,
        mbrSector([
          { type: 0x82, first: 1, sectors: 99 },
          { type: 0x05, first: 200, sectors: 300 },
        ]),
      ),
      at(1200, mbrSector([{ type: 0x83, first: 2, sectors: 50 }])),
    ],
  ];
  const change = fc.record({ piece: fc.nat(), at: fc.nat(), to: fc.nat(255) });
  const property = async (
    kind: number,
    changes: readonly { piece: number; at: number; to: number }[],
    seal: boolean,
  ) => {
    const pieces = (kinds[kind] ?? []).map(({ offsetBytes, bytes }) => ({ offsetBytes, bytes: bytes.slice() }));
    for (const { piece, at: place, to } of changes) {
      const bytes = pieces[piece % pieces.length]?.bytes ?? new Uint8Array(1);
      // the fields of a GPT header are in its first 92 bytes, and those of an MBR in its last 66
      bytes[kind === 0 ? place % 200 : 446 + (place % 66)] = to;
    }
    if (kind === 0 && seal) for (const index of [1, 3]) resealSafely(pieces[index]?.bytes ?? new Uint8Array());
    const source = sparseSource(DISK_BYTES, pieces);
    try {
      const found = await readPartitionTable(source, signal);
      let end = 0;
      for (const each of (found?.partitions ?? []).toSorted((a, b) => a.place.offsetBytes - b.place.offsetBytes)) {
        assert.ok(each.place.offsetBytes >= Math.max(end, 512) && each.place.lengthBytes > 0);
        end = endOf(each);
      }
      assert.ok(end <= DISK_BYTES);
    } catch (error) {
      assert.ok(error instanceof LockstepError, String(error));
    }
    assert.ok(source.bytesRead() < 3 * 1024 * 1024);
  };
  await fc.assert(fc.asyncProperty(fc.nat(1), fc.array(change, { maxLength: 6 }), fc.boolean(), property), {
    numRuns: 300,
  });
});

function resealSafely(header: Uint8Array): void {
  if (new DataView(header.buffer).getUint32(12, true) <= header.length) resealGpt(header);
}

/** A disk on which some sectors are bad. */
function withBadSectors(pieces: readonly Piece[], ...bad: readonly number[]): VolumeSource {
  const source = sparseSource(DISK_BYTES, pieces, 512);
  return {
    ...source,
    read: async (offsetBytes, lengthBytes, aborted) => {
      const isHit = bad.some((sector) => offsetBytes < (sector + 1) * 512 && sector * 512 < offsetBytes + lengthBytes);
      if (isHit) throw new LockstepError("DISK_UNREADABLE", "bad sectors");
      return source.read(offsetBytes, lengthBytes, aborted);
    },
  };
}

test("a copy of a GPT on bad sectors is damaged, and the other one is read", async () => {
  for (const [copies, ...bad] of [
    ["only the second good", 1],
    ["only the second good", 5],
    ["only the first good", SECTORS - 1],
    ["only the first good", SECTORS - 10],
  ] as const) {
    const found = await readPartitionTable(withBadSectors(gpt(), ...bad), signal);
    assert.ok(found !== null);
    assert.deepEqual([found.copies, numbersOf(found), problemsOf(found)], [copies, [1], ["COPY_DAMAGED"]]);
    assert.match(found.problems[0]?.message ?? "", /cannot be read$/);
  }
  await assert.rejects(readPartitionTable(withBadSectors(gpt(), 1, SECTORS - 1), signal), { code: "HEADER_CORRUPT" });
});

test("bad sectors where a GPT or a link of a chain would be leave the rest of an MBR readable", async () => {
  const pieces = [
    mbr([
      { type: 0x83, first: 100, sectors: 100 },
      { type: 0x05, first: 1000, sectors: 1000 },
    ]),
  ];
  const found = await readPartitionTable(withBadSectors(pieces, 1, 1000, SECTORS - 1), signal);
  assert.ok(found !== null);
  assert.deepEqual([found.kind, numbersOf(found), problemsOf(found)], ["mbr", [1], ["CHAIN_BROKEN"]]);
});
