import { isDeadSession } from "#vault/fold/fold-liveness.ts";
import { currentGeneration } from "#vault/fold/fold.ts";
import { sessionOfGeneration, sessionOfSegment } from "#vault/object/ids.ts";
import type { BodyObject, SegmentObject } from "#vault/segments/known-objects.ts";
import type { Liveness } from "#vault/tree/mark.ts";

/**
 * True when an object can never be needed again, by its name and the log alone: the sessions in its name are known and
 * closed, and nothing that must stay readable reaches it, or another generation took its place.
 *
 * What is dead at one prefix of the log is dead at every longer one. So it may be deleted at any later time, by anyone,
 * whoever left it, without looking again.
 *
 * @see docs/format/log.md, "Dead sessions"
 */
export function isDead({ fold, disks }: Liveness, object: SegmentObject | BodyObject): boolean {
  if (object.what === "body") {
    return isDeadSession(fold, object.session) && fold.points.get(object.point)?.session !== object.session;
  }
  const { disk, kind, segment, generation } = object;
  if (!isDeadSession(fold, sessionOfSegment(segment))) return false;
  if (!isDeadSession(fold, sessionOfGeneration(segment, generation))) return false;
  const marks = disks.get(disk);
  if (marks === undefined) return true;
  if (marks.unreadable.length > 0) return false;
  return marks[kind].get(segment) === undefined || currentGeneration(fold, disk, kind, segment) !== generation;
}
