import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import { sparseSource } from "#testing/disks/sparse-source.ts";
import type { Piece, SparseSource } from "#testing/disks/sparse-source.ts";
import { seededRandom } from "#testing/random.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { extSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import { lvmArea, lvmLabel, lvmSegment, lvmText } from "#testing/volumes/lvm-maker.ts";
import { gptPieces, mbrSector } from "#testing/volumes/partition-maker.ts";
import type { GptEntry } from "#testing/volumes/partition-maker.ts";
import { inspect } from "#volume/inspect.ts";
import type { MappedVolume } from "#volume/inspect.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const DISK_SECTORS = 64 * 2048;

const luks2Volume = Luks2Maker.make("inspect", []).written();
const at = (offsetBytes: number, ...pieces: readonly Piece[]): Piece[] =>
  pieces.map((piece) => ({ ...piece, offsetBytes: offsetBytes + piece.offsetBytes }));
const whole = (bytes: Uint8Array): Piece => ({ offsetBytes: 0, bytes });
const ext4 = { offsetBytes: 1024, bytes: extSuperblock({ blocks: 200, incompatible: 0x42 }) };

/** A GPT disk of 64 MiB with partitions of 8 MiB, one after the other from 1 MiB on, each with its pieces. */
function gptDisk(...partitions: readonly (readonly Piece[])[]): Piece[] {
  const entries = partitions.map((_, index): GptEntry => {
    const first = 2048 + index * 8 * 2048;
    return { first, last: first + 8 * 2048 - 1, name: `p${index + 1}` };
  });
  const table = Object.values(gptPieces({ diskSectors: DISK_SECTORS, entries }));
  return [...table, ...partitions.flatMap((pieces, index) => at((1 + 8 * index) * MIB, ...pieces))];
}

const disk = (pieces: readonly Piece[]): SparseSource => sparseSource(64 * MIB, pieces);

/** What a volume is, in a word. */
function word({ encrypted, content, failure }: MappedVolume): string {
  if (failure !== null) return failure.code;
  if (encrypted !== null) return encrypted.format;
  if (content === null) return "nothing";
  return "type" in content ? content.type : content.kind;
}

async function words(pieces: readonly Piece[]): Promise<Record<string, string>> {
  const { map } = await inspect(disk(pieces), signal);
  return Object.fromEntries(map.volumes.map((volume) => [volume.name, word(volume)]));
}

test("every partition is looked at, whatever the others are", async () => {
  const broken = sampleVolume.slice(0, 4096);
  broken.fill(0xff, 104, 112);
  const random = seededRandom("inspect")(8 * MIB);
  const bitlocker = makeBitlocker({}).image;
  const pieces = gptDisk([whole(sampleVolume)], [whole(broken)], [whole(luks2Volume)], [ext4], [], [whole(random)], [whole(bitlocker)]); // prettier-ignore
  const source = disk(pieces);
  const { map, headers } = await inspect(source, signal);
  assert.deepEqual(Object.fromEntries(map.volumes.map((volume) => [volume.name, word(volume)])), {
    "1": "luks1",
    "2": "HEADER_CORRUPT",
    "3": "luks2",
    "4": "ext4",
    "5": "empty",
    "6": "unknown",
    "7": "bitlocker",
  });
  assert.deepEqual([...headers.keys()], ["1", "3", "7"]);
  assert.partialDeepStrictEqual(map, { sizeBytes: 64 * MIB, table: { kind: "gpt", sectorBytes: 512, problems: [] } });
  assert.partialDeepStrictEqual(map.volumes[2], {
    stretches: [{ offsetBytes: 17 * MIB, lengthBytes: 8 * MIB }],
    sizeBytes: 8 * MIB,
    partition: { number: 3, name: "p3" },
  });
  assert.equal(map.readBytes, source.bytesRead());
  const found = headers.get("3") ?? assert.fail();
  assert.deepEqual(await found.source.read(0, 4096, signal), luks2Volume.slice(0, 4096), "it is read from its place");
});

test("a disk without a table is one volume", async () => {
  assert.deepEqual(await words([whole(sampleVolume)]), { disk: "luks1" });
  assert.deepEqual(await words([ext4]), { disk: "ext4" });
  assert.deepEqual(await words([]), { disk: "empty" });
});

test("a table without partitions does not hide what the disk holds", async () => {
  assert.deepEqual(await words([whole(mbrSector([])), ext4]), { disk: "ext4" });
});

test("a header at the very start counts before a table, of which there may be remains", async () => {
  const stale = Object.values(gptPieces({ diskSectors: DISK_SECTORS })).filter(({ offsetBytes }) => offsetBytes > 0);
  assert.deepEqual(await words([...stale, whole(sampleVolume)]), { disk: "luks1" });
  assert.deepEqual(await words([...stale, whole(luks2Volume)]), { disk: "luks2" });
  assert.deepEqual(await words([...stale, whole(makeBitlocker({}).image)]), { disk: "bitlocker" });
  const damaged = makeBitlocker({}).image.fill(0, 4096);
  assert.deepEqual(await words([...stale, whole(damaged)]), { disk: "HEADER_CORRUPT" });
});

test("a table counts before a header's second copy, which may be remains; without a table the copy counts", async () => {
  const second = luks2Volume.slice();
  second.fill(0, 0, 512);
  const copyOnly = { offsetBytes: 0x4000, bytes: second.subarray(0x4000) };
  const table = mbrSector([{ type: 0x83, first: 2048, sectors: 2048 }]);
  assert.deepEqual(await words([copyOnly, whole(table)]), { "1": "empty" });
  assert.deepEqual(await words([copyOnly]), { disk: "luks2" });
});

test("a table that is damaged past reading is said of the disk, and ends nothing", async () => {
  const { mbr } = gptPieces({ diskSectors: DISK_SECTORS });
  const { map, headers } = await inspect(disk([mbr]), signal);
  assert.equal(headers.size, 0);
  assert.equal(map.table, null);
  const [only, ...others] = map.volumes;
  assert.deepEqual([only?.name, others.length, only?.failure?.code], ["disk", 0, "HEADER_CORRUPT"]);
  assert.match(only?.failure?.message ?? "", /^partition table: the MBR stands for a GPT/);
});

test("logical volumes are volumes, with their place on the disk, also where they are encrypted", async () => {
  const segments = {
    root: [lvmSegment(0, 1, "pv0", 0)],
    data: [lvmSegment(0, 1, "pv1", 3)],
    hidden: [lvmSegment(0, 1, "pv0", 1)],
  };
  const label = lvmLabel(40 * MIB);
  const physical = [label, ...lvmArea(lvmText(segments)), ...at(MIB, whole(luks2Volume))];
  const table = mbrSector([{ type: 0x8e, first: 2048, sectors: 40 * 2048 }]);
  const { map, headers } = await inspect(disk([whole(table), ...at(MIB, ...physical)]), signal);
  assert.deepEqual(
    map.volumes.map((volume) => [volume.name, word(volume), volume.stretches]),
    [
      ["1", "LVM2_member", [{ offsetBytes: MIB, lengthBytes: 40 * MIB }]],
      ["1/root", "luks2", [{ offsetBytes: 2 * MIB, lengthBytes: 4 * MIB }]],
      ["1/data", "VOLUME_UNSUPPORTED", []],
    ],
  );
  const found = headers.get("1/root") ?? assert.fail();
  assert.equal(found.source.sizeBytes, 4 * MIB);
  assert.deepEqual(await found.source.read(0, 512, signal), luks2Volume.slice(0, 512));
});

test("of very many logical volumes only some are looked into, and it is said that there are more", async () => {
  const names = Array.from({ length: 260 }, (_, index) => `lv${index}`);
  const segments = Object.fromEntries(names.map((name) => [name, [lvmSegment(0, 1, "pv0", 0)]]));
  const source = disk([lvmLabel(64 * MIB), ...lvmArea(lvmText(segments))]);
  const { volumes } = (await inspect(source, signal)).map;
  assert.equal(volumes.length, 1 + 257);
  const last = volumes.at(-1) ?? assert.fail();
  assert.equal(last.name, "disk/lv256");
  assert.match(last.failure?.message ?? "", /logical volume lv256: it and 3 more are not looked into/);
});

test("when very much was read of a disk, what is left is not looked at, and it is said", async () => {
  const header = luks2Volume.slice(0, 4096);
  new DataView(header.buffer).setBigUint64(8, BigInt(4 * MIB)); // its size, which the checksum is wrong for
  const entries = Array.from({ length: 60 }, (_, index): GptEntry => {
    return { first: 2048 + index * 16 * 2048, last: 2047 + (index + 1) * 16 * 2048 };
  });
  const table = Object.values(gptPieces({ diskSectors: 1024 * 2048, entries }));
  const headers = entries.flatMap(({ first }) => at(Number(first) * 512, whole(header)));
  const { map } = await inspect(sparseSource(1024 * MIB, [...table, ...headers]), signal);
  assert.equal(map.volumes.length, 60);
  assert.match(map.volumes.at(-1)?.failure?.message ?? "", /^it was not looked at: /);
  assert.ok(map.readBytes < 256 * MIB, `${map.readBytes} bytes`);
});

test("a volume that the medium refuses is said of that volume", async () => {
  const source = disk(gptDisk([ext4], [ext4]));
  const { map } = await inspect(
    {
      ...source,
      read: (offsetBytes, lengthBytes, aborted) => {
        const isBad = offsetBytes + lengthBytes > MIB && offsetBytes < 9 * MIB;
        if (isBad) return Promise.reject(new LockstepError("DISK_UNREADABLE", "bad sectors"));
        return source.read(offsetBytes, lengthBytes, aborted);
      },
    },
    signal,
  );
  assert.deepEqual(map.volumes.map(word), ["DISK_UNREADABLE", "ext4"]);
});

test("a disk that does not answer at all is an error", async () => {
  const source = { ...disk([]), read: () => Promise.reject(new LockstepError("DISK_UNREADABLE", "gone")) };
  await assert.rejects(inspect(source, signal), { code: "DISK_UNREADABLE" });
});
