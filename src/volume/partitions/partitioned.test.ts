import assert from "node:assert/strict";
import { test } from "node:test";

import { sparseSource } from "#testing/disks/sparse-source.ts";
import type { Piece } from "#testing/disks/sparse-source.ts";
import { extSuperblock, swapPage } from "#testing/volumes/filesystem-maker.ts";
import { gptPieces, mbrSector } from "#testing/volumes/partition-maker.ts";
import { readContent } from "#volume/content.ts";
import type { Recognised } from "#volume/filesystem/recognised.ts";

const { signal } = new AbortController();
const DISK_BYTES = 4096 * 512;

async function recognised(pieces: readonly Piece[]): Promise<Recognised> {
  const content = await readContent(sparseSource(DISK_BYTES, pieces), signal);
  assert.ok(content.kind !== "empty" && content.kind !== "unknown", JSON.stringify(content));
  return content;
}

const firstSector = (bytes: Uint8Array): Piece => ({ offsetBytes: 0, bytes });
const linux = { type: 0x83, first: 2048, sectors: 1000 };

test("a disk in a volume is told by its partition table", async () => {
  const gpt = await recognised(Object.values(gptPieces()));
  assert.deepEqual(
    [gpt.kind, gpt.type, gpt.variant, gpt.verified, gpt.problems],
    ["partition table", "gpt", "GPT with one partition", "checksum", []],
  );
  const mbr = await recognised([firstSector(mbrSector([linux, { ...linux, first: 3048 }], 0x1234))]);
  assert.deepEqual(
    [mbr.type, mbr.variant, mbr.verified, mbr.uuid],
    ["dos", "MBR with 2 partitions", "structure", "00001234"],
  );
});

test("what is wrong with the table is told, and one that is damaged past reading is a mark only", async () => {
  const pieces = gptPieces();
  const { first, ...rest } = pieces;
  const second = await recognised(Object.values(rest));
  assert.equal(second.verified, "checksum");
  assert.match(second.problems[0]?.message ?? "", /the first copy of the GPT/);
  const none = await recognised([pieces.mbr, { ...first, bytes: first.bytes.with(40, 99) }]);
  assert.deepEqual([none.type, none.verified, none.problems[0]?.code], ["gpt", "magic only", "CHECKSUM_WRONG"]);
});

test("a file system that is at least as well verified counts more, and a table without partitions does not count", async () => {
  const table = firstSector(mbrSector([linux]));
  const swapped = await recognised([{ offsetBytes: 0, bytes: swapPage(4096) }, table]);
  assert.equal(swapped.type, "swap");
  assert.equal(swapped.problems.at(-1)?.message, "there is also dos at byte 0 (structure)");
  const ext = await recognised([table, { offsetBytes: 1024, bytes: extSuperblock() }]);
  assert.deepEqual([ext.type.startsWith("ext"), ext.verified], [true, "checksum"]);
  const empty = await readContent(sparseSource(DISK_BYTES, [firstSector(mbrSector([], 0x1234))]), signal);
  assert.equal(empty.kind, "unknown");
});
