import type { DiskTarget } from "#disk/contract.ts";
import { isLockstepError } from "#errors/errors.ts";
import { nextData } from "#linux/libc.ts";
import { forEachBounded } from "#ops/lanes/bounded.ts";
import type { Lanes } from "#ops/lanes/lanes.ts";
import { cut } from "#ops/lanes/stretches.ts";
import { isZeroPointer, POINTER_BYTES } from "#vault/segments/pointer.ts";

type ComparedDisk = {
  readonly target: DiskTarget;
  readonly disk: { readonly sizeBytes: number; readonly blockBytes: number };
};

/**
 * Finds the blocks of a target that are not what pointers say. What the target's medium refuses to read counts as
 * different: writing it may well succeed. What the file system calls a hole of a file is not read.
 *
 * @param lanes   told of the disk already
 * @param target  all that was written to it before is flushed; there are file systems that call data a hole until then
 * @param blocks  what they should be: packed pointers, from the block `first` on
 */
export async function findDifferences(
  lanes: Lanes,
  { target, disk }: ComparedDisk,
  { first, pointers }: { readonly first: number; readonly pointers: Uint8Array },
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const different = new Set<number>();
  const run = { first, count: pointers.length / POINTER_BYTES };
  await forEachBounded(cut(run, disk.blockBytes), lanes.depth, async (part) => {
    const offsetBytes = part.first * disk.blockBytes;
    const lengthBytes = Math.min(part.count * disk.blockBytes, disk.sizeBytes - offsetBytes);
    const at = (part.first - first) * POINTER_BYTES;
    // A copy: a view would take all of its buffer along to the lane.
    const base = pointers.slice(at, at + part.count * POINTER_BYTES);
    if (isHole(target, offsetBytes, lengthBytes)) {
      for (let i = 0; i < part.count; i++) if (!isZeroPointer(base, i * POINTER_BYTES)) different.add(part.first + i);
      return;
    }
    const place = { offsetBytes, lengthBytes, base };
    if (target.descriptors !== null) {
      const found = await lanes.compare({ ...place, source: { kind: "descriptors", ...target.descriptors } });
      if (found === null) for (let i = 0; i < part.count; i++) different.add(part.first + i);
      else for (const number of found) different.add(part.first + number);
      return;
    }
    const bytes = new Uint8Array(lengthBytes);
    await target.read(offsetBytes, bytes, signal);
    const found = await lanes.compare({ ...place, source: { kind: "bytes", bytes, unreadable: [] } });
    for (const number of found ?? []) different.add(part.first + number);
  });
  return different;
}

/** Whether a stretch of a file is nothing but a hole; false where the file system cannot tell. */
function isHole({ kind, descriptors }: DiskTarget, offsetBytes: number, lengthBytes: number): boolean {
  if (kind !== "file" || descriptors === null) return false;
  try {
    const data = nextData(descriptors.buffered, offsetBytes);
    return data === null || data.offsetBytes >= offsetBytes + lengthBytes;
  } catch (error) {
    if (isLockstepError(error, "SYSTEM_CALL_FAILED")) return false;
    throw error;
  }
}
