import assert from "node:assert/strict";

import { LockstepError } from "#errors/errors.ts";
import { sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { gptPieces, mbrSector, type GptOptions, type MbrRow } from "#testing/volumes/partition-maker.ts";
import { readPartitionTable } from "#volume/partitions/partition-table.ts";
import type { PartitionTable } from "#volume/partitions/partition.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** The size of a disk that these functions make: 2 MiB, unless told otherwise. */
export const DISK_SECTORS = 4096;
export const DISK_BYTES = DISK_SECTORS * 512;

/** Bytes that start at a sector of 512 bytes. */
export function atSector(sector: number, bytes: Uint8Array): Piece {
  return { offsetBytes: sector * 512, bytes };
}

/** Both copies of a GPT and its protective MBR. */
export function gptDisk(options: GptOptions = {}): Piece[] {
  return Object.values(gptPieces(options));
}

/** An MBR; null is an empty row. */
export function mbrAtStart(rows: readonly (MbrRow | null)[], signature = 0x1234): Piece {
  return { offsetBytes: 0, bytes: mbrSector(rows, signature) };
}

/** Reads the partition table of a disk that holds the pieces and zeros. @returns null where there is none */
export function readTable(
  pieces: readonly Piece[],
  sectorBytes: number | null = 512,
  sizeBytes = DISK_BYTES,
): Promise<PartitionTable | null> {
  return readPartitionTable(sparseSource(sizeBytes, pieces, sectorBytes), new AbortController().signal);
}

/** As `readTable`, of a disk that has a table. */
export async function tableOf(...disk: Parameters<typeof readTable>): Promise<PartitionTable> {
  return (await readTable(...disk)) ?? assert.fail("there is no table");
}

/** The codes of a table's problems, in their order. */
export function problemsOf({ problems }: PartitionTable): string[] {
  return problems.map(({ code }) => code);
}

/** The numbers of a table's partitions, in their order. */
export function numbersOf({ partitions }: PartitionTable): number[] {
  return partitions.map(({ number }) => number);
}

/** A disk on which some sectors are bad. */
export function withBadSectors(pieces: readonly Piece[], ...bad: readonly number[]): VolumeSource {
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
