import assert from "node:assert/strict";
import { test } from "node:test";

import { sparseSource } from "#testing/disks/sparse-source.ts";
import type { Piece } from "#testing/disks/sparse-source.ts";
import { extSuperblock } from "#testing/volumes/filesystem-maker.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { Luks2Maker } from "#testing/volumes/luks2-maker.ts";
import { gptPieces, mbrSector } from "#testing/volumes/partition-maker.ts";
import { inspect } from "#volume/inspect.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const SECTORS = 64 * 2048;
/** What tools that write a table leave of the first sector. */
const KEPT = 440;

const ext4 = { offsetBytes: MIB + 1024, bytes: extSuperblock({ blocks: 200, incompatible: 0x42 }) };
const partition = { first: 2048, last: SECTORS - 4096, name: "p" };
const gpt = Object.values(gptPieces({ diskSectors: SECTORS, entries: [partition] }));
const mbr = (type: number): Piece => ({
  offsetBytes: 0,
  bytes: mbrSector([{ type, first: 2048, sectors: 32768 }], 0x12345678),
});
const headers = { luks1: sampleVolume, luks2: Luks2Maker.make("remains", []).written() };

/** A disk that was LUKS as a whole, with a table written over it. */
function divided(luks: Uint8Array, pieces: readonly Piece[]): Piece[] {
  const start = luks.slice(0, MIB);
  for (const { offsetBytes, bytes } of pieces) {
    const from = Math.max(offsetBytes, KEPT);
    if (from < start.length) start.set(bytes.subarray(from - offsetBytes), from);
  }
  return [{ offsetBytes: 0, bytes: start }, ...pieces.filter(({ offsetBytes }) => offsetBytes >= MIB), ext4];
}

test("a table that was written over a LUKS header counts, and the header is told of", async () => {
  for (const [format, luks] of Object.entries(headers)) {
    for (const [kind, pieces] of [
      ["gpt", gpt],
      ["mbr", [mbr(0x83)]],
    ] as const) {
      const { map } = await inspect(sparseSource(SECTORS * 512, divided(luks, pieces)), signal);
      const [volume, ...more] = map.volumes;
      assert.deepEqual([map.table?.kind, volume?.name, more.length], [kind, "1", 0], `${kind} over ${format}`);
      assert.equal(volume?.content?.kind, "file system", `${kind} over ${format}`);
      assert.match(map.table?.problems.at(-1)?.message ?? "", /a LUKS header is at the disk's start too/);
    }
  }
});

test("the mark of a table alone, or a table of nothing, leaves a damaged header one", async () => {
  for (const [format, luks] of Object.entries(headers)) {
    for (const pieces of [[mbr(0)], [mbr(0xee)]]) {
      const { map } = await inspect(sparseSource(SECTORS * 512, divided(luks, pieces)), signal);
      assert.deepEqual(
        map.volumes.map(({ name, failure }) => [name, failure?.code]),
        [["disk", "HEADER_CORRUPT"]],
        format,
      );
    }
  }
});

test("a header that is good counts, whatever a table could be read from it", async () => {
  // The last of these bytes are those of a keyslot's salt.
  const luks = sampleVolume.slice();
  luks.set([0x55, 0xaa], 510);
  const { map } = await inspect(sparseSource(sampleVolume.length, [{ offsetBytes: 0, bytes: luks }]), signal);
  assert.deepEqual([map.table, map.volumes[0]?.encrypted?.format], [null, "luks1"]);
});
