import type { ByteRange } from "#disk/contract.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { FoundPoint } from "#ops/points/find-point.ts";
import { storedDisk } from "#ops/points/stored-disk.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { diffTrees } from "#vault/tree/tree-diff.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** How a disk differs between two points. */
export type DiskDiff = {
  readonly name: string;
  /** Null: the earlier point does not have the disk. */
  readonly from: PointDisk | null;
  /** Null: the later point does not have the disk. */
  readonly to: PointDisk | null;
  /** Bytes of blocks in which they differ, as far as the disk reaches in `to`. */
  readonly changedBytes: number;
  /** Those blocks, in order, not touching. */
  readonly ranges: readonly ByteRange[];
};

/**
 * Says what changed on a machine's disks from one point to another. Only the parts of their trees that differ are read,
 * and no data. A disk that one of them does not have counts as zeros there.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: the points are of two machines; BLOCK_DAMAGED; POINT_GONE
 */
export async function diffPoints(
  vault: Vault,
  from: FoundPoint,
  to: FoundPoint,
  signal: AbortSignal,
): Promise<readonly DiskDiff[]> {
  const { log } = to;
  if (from.log.machine !== log.machine) {
    throw new LockstepError("ARGUMENT_INVALID", `${from.name} and ${to.name} are points of two machines`, {
      hint: "Blocks can only be compared between points of one machine.",
    });
  }
  const ids = new Set([...to.point.disks, ...from.point.disks].map(({ disk }) => disk));
  const diffs: DiskDiff[] = [];
  for (const id of ids) {
    const before = from.point.disks.find(({ disk }) => disk === id) ?? null;
    const after = to.point.disks.find(({ disk }) => disk === id) ?? null;
    const ranges = after === null ? [] : await diffDisk(vault, { from, to }, { before, after }, signal);
    const changedBytes = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    diffs.push({ name: (after ?? before)?.name ?? id, from: before, to: after, changedBytes, ranges });
  }
  return diffs;
}

async function diffDisk(
  vault: Vault,
  { from, to }: { readonly from: FoundPoint; readonly to: FoundPoint },
  { before, after }: { readonly before: PointDisk | null; readonly after: PointDisk },
  signal: AbortSignal,
): Promise<readonly ByteRange[]> {
  const { log } = to;
  const { tree, blockBytes, sizeBytes } = storedDisk(log.fold, after);
  const base = before === null ? { root: null, blocks: 1 } : storedDisk(log.fold, before).tree;
  const nodes = new NodeReader(segmentReader(vault, log, to.point.point), vault.keyring.keys, after.disk);
  const ranges: ByteRange[] = [];
  try {
    for await (const { firstBlock, blocks } of diffTrees(nodes, base, tree, signal)) {
      const offsetBytes = firstBlock * blockBytes;
      const endBytes = Math.min((firstBlock + blocks) * blockBytes, sizeBytes);
      if (endBytes > offsetBytes) ranges.push({ offsetBytes, lengthBytes: endBytes - offsetBytes });
    }
  } catch (error) {
    if (log.fold.points.has(from.point.point) || !isLockstepError(error, "BLOCK_DAMAGED")) throw error;
    throw new LockstepError("POINT_GONE", `point ${from.name} is gone: it was purged meanwhile`, { cause: error });
  }
  return ranges;
}
