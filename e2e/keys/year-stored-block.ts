import type { ObjectKey } from "#store/contract.ts";
import { BENCH_BLOCK_BYTES } from "#testing/vaults/vault-bench.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { SegmentId } from "#vault/object/ids.ts";
import { isZeroPointer, POINTER_BYTES, rootFromText, segmentAt, slotAt } from "#vault/segments/pointer.ts";
import { readTable } from "#vault/segments/segment-table.ts";
import { keyOfSegment } from "#vault/segments/segment.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { walkLeaves } from "#vault/tree/tree-walk.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

const { signal } = new AbortController();

/** Where in the store that block of a point's only disk lies which was written the longest ago: the others need it, too. */
export async function oldestStoredBlock(
  vault: Vault,
  log: Log,
  point: PointState,
): Promise<{ readonly key: ObjectKey; readonly offsetBytes: number }> {
  const [stored] = point.disks;
  if (stored === undefined) throw new Error("a point has a disk");
  const { disk, root, sizeBytes } = stored;
  const { keys } = vault.keyring;
  const nodes = new NodeReader(segmentReader(vault, log, null), keys, disk);
  const blocks = Math.ceil(sizeBytes / BENCH_BLOCK_BYTES);
  let oldest: { readonly segment: SegmentId; readonly slot: number } | null = null;
  const tree = { root: rootFromText(root), blocks };
  for await (const { pointers } of walkLeaves(nodes, tree, { from: 0, to: blocks }, signal)) {
    for (let at = 0; at < pointers.length; at += POINTER_BYTES) {
      if (isZeroPointer(pointers, at)) continue;
      const segment = segmentAt(pointers, at);
      if (oldest === null || segment < oldest.segment) oldest = { segment, slot: slotAt(pointers, at) };
    }
  }
  if (oldest === null) throw new Error("a disk has blocks that are not zeros");
  const { segment, slot } = oldest;
  const generation = currentGeneration(log.fold, disk, "data", segment);
  const name = { machine: log.machine, disk, kind: "data", segment, generation } as const;
  const row = (await readTable(vault.store, keys, name, signal)).row(slot);
  if (row === undefined) throw new Error("a segment has the slots that trees point to");
  return { key: keyOfSegment(name), offsetBytes: row.offsetBytes };
}
