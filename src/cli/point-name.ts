import { pointNames } from "#policy/point-names.ts";
import type { PointId } from "#vault/ids.ts";
import type { Log } from "#vault/log.ts";

/** What the points of a machine are called, deleted ones too: `web01@2026-11-23T14:05`. */
export function namesOfPoints({ fold }: Log): ReadonlyMap<PointId, string> {
  const { name: machine, timeZone } = fold.machine;
  const points = [...fold.points].map(([id, { capturedAt }]) => ({
    id,
    machine,
    at: Temporal.Instant.from(capturedAt),
  }));
  return pointNames(points, timeZone) as ReadonlyMap<PointId, string>;
}
