import type { DiskTarget } from "#disk/contract.ts";
import { readAllocated, readRoom } from "#disk/room.ts";
import { LockstepError } from "#errors/errors.ts";
import { Lanes } from "#ops/lanes/lanes.ts";
import type { LaneOptions } from "#ops/lanes/lanes.ts";
import { storedDisk } from "#ops/points/stored-disk.ts";
import { findDifferences } from "#ops/restore/find-differences.ts";
import { RESTORE_WINDOW_BYTES, restoreDisk } from "#ops/restore/restore-disk.ts";
import type { RestoredDisk, StoredDisk } from "#ops/restore/restore-disk.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import { PLAN_BLOCKS } from "#vault/segments/read-plan.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { PointerCursor } from "#vault/tree/pointer-cursor.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** A point that is restored, and with what means. */
export type RestoreDeps = {
  readonly vault: Vault;
  readonly log: Log;
  readonly point: PointState;
  /** How the point is named to people. */
  readonly name: string;
  /** Lanes that decrypt, and compare where something is compared. */
  readonly lanes: Omit<LaneOptions, "segmentBytes">;
  /** Bytes of a disk that are done, written or found to be right. */
  readonly progress: (bytes: number) => void;
  /** Told, before a failure is thrown, what was begun and is not whole: a partial file, or a disk that says so. */
  readonly unfinished: (path: string) => void;
};

/** Lanes ask for room for segments even where they seal nothing. */
const NO_SEGMENT_BYTES = 4096;

/**
 * Writes a disk of a point to a target. Does not flush it.
 *
 * Every block's seal is checked, which binds its bytes to vault, disk, segment and slot. Its fingerprint is not checked
 * again: docs/restoring.md.
 *
 * @param compare  only blocks that differ are written
 * @throws {LockstepError} what `restoreDisk` throws
 */
export async function fillTarget(
  { vault, log, point, lanes, progress }: RestoreDeps,
  disk: PointDisk,
  target: DiskTarget,
  compare: boolean,
  signal: AbortSignal,
): Promise<RestoredDisk> {
  const stored = storedDisk(log.fold, disk);
  await using working = beginLanes(vault, stored, lanes);
  const segments = segmentReader(vault, log, point.point, async (batch) => working.open(batch));
  const nodes = new NodeReader(segments, vault.keyring.keys, disk.disk);
  // For `findDifferences`: an interrupted restore may have left what is not on the medium.
  if (compare) await target.flush(signal);
  const options = { compare: compare ? working : null, windowBytes: RESTORE_WINDOW_BYTES, progress };
  return await restoreDisk({ segments, nodes, target }, stored, options, signal);
}

/**
 * Counts the bytes of blocks in which a target is not what a disk of a point is. Writes nothing; flushes
 * what somebody wrote before.
 *
 */
export async function countDifferences(
  { vault, log, point, lanes, progress }: RestoreDeps,
  disk: PointDisk,
  target: DiskTarget,
  signal: AbortSignal,
): Promise<number> {
  const stored = storedDisk(log.fold, disk);
  const { blockBytes, sizeBytes, tree } = stored;
  const cursor = new PointerCursor(
    new NodeReader(segmentReader(vault, log, point.point), vault.keyring.keys, disk.disk),
    tree,
  );
  await target.flush(signal);
  await using comparing = beginLanes(vault, stored, lanes);
  let differentBytes = 0;
  for (let first = 0; first < tree.blocks; first += PLAN_BLOCKS) {
    const count = Math.min(PLAN_BLOCKS, tree.blocks - first);
    const { pointers, damaged } = await cursor.read(first, count, signal);
    if (damaged) {
      throw new LockstepError("BLOCK_DAMAGED", `Disk ${disk.name}: its block tree is damaged, and so is its copy.`, {
        hint: "'lockstep check NAME' names the points that it hurts.",
      });
    }
    for (const block of await findDifferences(comparing, { target, disk: stored }, { first, pointers }, signal)) {
      differentBytes += Math.min(blockBytes, sizeBytes - block * blockBytes);
    }
    progress(Math.min(count * blockBytes, sizeBytes - first * blockBytes));
  }
  return differentBytes;
}

function beginLanes(vault: Vault, { disk, blockBytes }: StoredDisk, options: RestoreDeps["lanes"]): Lanes {
  const lanes = new Lanes({ ...options, segmentBytes: NO_SEGMENT_BYTES });
  lanes.begin({ blockBytes, fingerprintKey: fingerprintKey(vault.keyring.keys, disk) }, null);
  return lanes;
}

/** Room on the file system of a target. */
export type RoomNeed = { readonly neededBytes: number; readonly freeBytes: number };

/**
 * Compares what files will take with what their file system has left. Only what they certainly take counts: blocks that
 * are not zeros, less what the files have already.
 *
 * @param place  something on that file system
 * @param files  the data that each will hold, and where some of it may lie already
 */
export async function measureRoom(
  place: string,
  files: readonly { readonly dataBytes: number; readonly paths: readonly string[] }[],
): Promise<RoomNeed & { readonly isEnough: boolean }> {
  let neededBytes = 0;
  for (const { dataBytes, paths } of files) {
    let missingBytes = dataBytes;
    for (const path of paths) missingBytes -= await readAllocated(path);
    neededBytes += Math.max(0, missingBytes);
  }
  const { freeBytes, compresses } = await readRoom(place);
  return { neededBytes, freeBytes, isEnough: compresses || neededBytes <= freeBytes };
}

/** @throws {LockstepError} TARGET_FULL */
export async function requireRoom(doing: string, ...[place, files]: Parameters<typeof measureRoom>): Promise<void> {
  const { neededBytes, freeBytes, isEnough } = await measureRoom(place, files);
  if (isEnough) return;
  throw new LockstepError(
    "TARGET_FULL",
    `${doing}: ${neededBytes} bytes more are needed, and its file system has ${freeBytes} left. Nothing was written.`,
    { hint: "Make room, or restore to another file system." },
  );
}
