import type { ObjectKey } from "#store/contract.ts";
import type { Client } from "#testing/worlds/shared-world.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { DiskId, MachineId, SegmentId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import { isZeroPointer, POINTER_BYTES, rootFromText, segmentAt } from "#vault/segments/pointer.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import { FAN_OUT, levelsFor } from "#vault/tree/node.ts";
import { segmentReader } from "#vault/vault.ts";

const { signal } = new AbortController();

/**
 * The objects that a vault without open sessions should have for a machine's disks and points: found the slow way, tree
 * by tree and node by node.
 */
export async function reachableObjects({ vault, log }: Client, blockBytes: number): Promise<ReadonlySet<ObjectKey>> {
  const { fold, machine } = log;
  const keys = new Set<ObjectKey>();
  const add = (key: ObjectKey, isTwice: boolean): void => {
    keys.add(key);
    if (isTwice && vault.store.traits.singleDisk) keys.add(objectKeys.copy(key));
  };
  for (const [point, { session, disks }] of fold.points) {
    add(objectKeys.point(machine, session, point), true);
    for (const { disk, root, sizeBytes } of disks) {
      const nodes = new NodeReader(segmentReader(vault, log, null), vault.keyring.keys, disk);
      const pointer = rootFromText(root);
      const levels = levelsFor(Math.ceil(sizeBytes / blockBytes));
      if (pointer === null) continue;
      for await (const { kind, segment } of segmentsBelow(nodes, pointer, 0, levels)) {
        add(keyOf(fold, machine, disk, kind, segment), kind === "nodes");
      }
    }
  }
  return keys;
}

type Found = { readonly kind: SegmentKind; readonly segment: SegmentId };

async function* segmentsBelow(
  nodes: NodeReader,
  pointers: Uint8Array,
  at: number,
  level: number,
): AsyncGenerator<Found> {
  if (isZeroPointer(pointers, at)) return;
  yield { kind: level === 0 ? "data" : "nodes", segment: segmentAt(pointers, at) };
  if (level === 0) return;
  const node = await nodes.read(pointers, at, level, signal);
  for (let i = 0; i < FAN_OUT; i++) yield* segmentsBelow(nodes, node, i * POINTER_BYTES, level - 1);
}

function keyOf(fold: Fold, machine: MachineId, disk: DiskId, kind: SegmentKind, segment: SegmentId): ObjectKey {
  return objectKeys.segment(machine, disk, kind, segment, currentGeneration(fold, disk, kind, segment));
}
