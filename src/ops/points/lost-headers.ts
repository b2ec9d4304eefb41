import type { Fold, PointState } from "#vault/fold/fold.ts";
import type { DiskId, PointId } from "#vault/object/ids.ts";

/**
 * Volumes that were encrypted in an earlier point and of which nobody knows in a later one what they are, since no header of them can be
 * read there. A volume that is plain in between was not lost.
 *
 * @returns  their names by point and disk, where there are some
 */
export function lostHeaders(fold: Fold): ReadonlyMap<PointId, ReadonlyMap<DiskId, ReadonlySet<string>>> {
  const lost = new Map<PointId, Map<DiskId, ReadonlySet<string>>>();
  const points = [...fold.points.values()];
  if (!points.some(hasUnknown)) return lost;
  const encrypted = new Map<DiskId, ReadonlySet<string>>();
  for (const { point, volumes } of points.sort((a, b) => a.seq - b.seq)) {
    for (const { disk, encrypted: found, unknown } of volumes ?? []) {
      if (found === null) continue; // it was not looked at
      const before = encrypted.get(disk);
      const gone = new Set(unknown.filter((name) => before?.has(name) === true));
      encrypted.set(disk, new Set([...found.map(({ name }) => name), ...gone]));
      if (gone.size > 0) lost.set(point, new Map([...(lost.get(point) ?? []), [disk, gone]]));
    }
  }
  return lost;
}

function hasUnknown({ volumes }: PointState): boolean {
  return volumes?.some(({ unknown }) => unknown.length > 0) === true;
}
