import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { sparseSource } from "#testing/disks/sparse-source.ts";
import { mbrSector, resealGpt } from "#testing/volumes/partition-maker.ts";
import { DISK_BYTES, atSector, gptDisk, mbrAtStart } from "#testing/volumes/partitioned-disk.ts";
import { readPartitionTable } from "#volume/partitions/partition-table.ts";
import { endOf } from "#volume/partitions/partition.ts";

const { signal } = new AbortController();

test("whatever bytes are changed, a table is on the disk without overlaps, or there is an error of ours", async () => {
  const kinds = [
    gptDisk({
      entries: [
        { first: 100, last: 200 },
        { first: 300, last: 400 },
      ],
    }),
    [
      mbrAtStart([
        { type: 0x83, first: 63, sectors: 100 },
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
