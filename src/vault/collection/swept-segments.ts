import { isDeadSession } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import type { SegmentKey } from "#vault/fold/fold.ts";
import { sessionOfGeneration, sessionOfSegment } from "#vault/object/ids.ts";
import type { DiskId, SegmentId } from "#vault/object/ids.ts";
import type { SegmentKind } from "#vault/object/object-keys.ts";
import type { Liveness } from "#vault/tree/mark.ts";

/** Segments of a disk, as an entry of type `swept` names them. */
export type SweptSegments = readonly (readonly [kind: SegmentKind, segment: SegmentId])[];

/**
 * The segments of which the fold keeps a generation or damage though nothing reaches them any more, by disk. Nothing ever will: a
 * new tree takes over subtrees of points and checkpoints that are roots, and of no other. So that may be forgotten, at any later
 * entry too.
 */
export function forgettable({ fold, disks }: Liveness): ReadonlyMap<DiskId, SweptSegments> {
  const dead = new Map<DiskId, [SegmentKind, SegmentId][]>();
  for (const key of new Set<SegmentKey>([...fold.generations.keys(), ...fold.damaged.keys()])) {
    const [disk, kind, segment] = key.split("/") as [DiskId, SegmentKind, SegmentId];
    const marks = disks.get(disk);
    if (marks !== undefined && (marks.unreadable.length > 0 || marks[kind].get(segment) !== undefined)) continue;
    const generation = currentGeneration(fold, disk, kind, segment);
    if (!isDeadSession(fold, sessionOfSegment(segment))) continue;
    if (!isDeadSession(fold, sessionOfGeneration(segment, generation))) continue;
    const ofDisk = dead.get(disk);
    if (ofDisk === undefined) dead.set(disk, [[kind, segment]]);
    else ofDisk.push([kind, segment]);
  }
  return dead;
}
