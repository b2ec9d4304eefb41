import type { DiskTarget } from "#disk/contract.ts";
import { forEachBounded } from "#ops/bounded.ts";
import type { Lanes } from "#ops/lanes.ts";
import { cut } from "#ops/stretches.ts";
import { POINTER_BYTES } from "#vault/pointer.ts";

/**
 * Finds the blocks of a target that are not what pointers say. What the target's medium refuses to read counts as
 * different: writing it may well succeed.
 *
 * @param lanes     told of the disk already
 * @param first     the block that `pointers` start at
 * @param pointers  packed
 */
export async function findDifferences(
  lanes: Lanes,
  target: DiskTarget,
  disk: { readonly sizeBytes: number; readonly blockBytes: number },
  first: number,
  pointers: Uint8Array,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const different = new Set<number>();
  const run = { first, count: pointers.length / POINTER_BYTES };
  await forEachBounded(cut(run, disk.blockBytes), lanes.depth, async (part) => {
    const offsetBytes = part.first * disk.blockBytes;
    const lengthBytes = Math.min(part.count * disk.blockBytes, disk.sizeBytes - offsetBytes);
    const at = (part.first - first) * POINTER_BYTES;
    const base = pointers.subarray(at, at + part.count * POINTER_BYTES);
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
