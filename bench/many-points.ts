import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

import { openDisk } from "#disk/open.ts";
import { backup } from "#ops/backup/backup.ts";
import { newestLive } from "#ops/points/newest-live.ts";

import { openOnlyMachine } from "./open-machine.ts";

const BLOCK = 65_536;

/** Writes to random blocks of a sparse disk and gives them as ranges, ascending. */
export function writeBlocks(path: string, diskBytes: number, count: number): [offset: number, length: number][] {
  const blocks = diskBytes / BLOCK;
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor((randomBytes(6).readUIntLE(0, 6) / 2 ** 48) * blocks));
  const fd = openSync(path, "r+");
  for (const block of chosen) writeSync(fd, randomBytes(BLOCK), 0, BLOCK, block * BLOCK);
  closeSync(fd);
  return [...chosen].sort((a, b) => a - b).map((block) => [block * BLOCK, BLOCK]);
}

/** Takes points of a vault's only machine by lists of changes: random blocks that are written before each. */
export async function takeManyPoints(
  folder: string,
  state: string,
  image: { readonly path: string; readonly bytes: number },
  points: number,
  blocksAPoint: number,
): Promise<void> {
  await using machine = await openOnlyMachine(folder, state);
  const { vault, log, signal } = machine;
  const [definition] = log.fold.machine.disks;
  if (definition === undefined) throw new Error("the machine has no disk");
  for (let i = 0; i < points; i++) {
    const ranges = writeBlocks(image.path, image.bytes, blocksAPoint).map(([offsetBytes, lengthBytes]) => ({
      offsetBytes,
      lengthBytes,
    }));
    await using source = await openDisk(image.path, {}, signal);
    const changes = { kind: "ranges", ranges } as const;
    await backup(
      vault,
      log,
      [{ definition, source, consistency: "offline", torn: null, changes }],
      {
        lanes: { lanes: 1, threads: false, segmentBytes: 16 * 2 ** 20 },
        changesSince: newestLive(log.fold)?.point ?? null,
        tornOk: false,
        skipUnreadable: false,
        checkpointEvery: { minutes: 60, bytes: 2 ** 40 },
        progress: () => undefined,
      },
      signal,
    );
  }
}
