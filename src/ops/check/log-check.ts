import { MOST_PARTS } from "#vault/entry/entry-fields.ts";
import type { CheckFinding } from "#vault/entry/entry.ts";
import type { Fold } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";

/**
 * Logs what a check found, so that the log says when the bytes of each point were last found good, and which points are hurt. A check
 * that read no data is logged only where it changes which points are hurt.
 *
 * @throws {LockstepError} what `Log.append` throws
 */
export async function logCheck(log: Log, found: CheckFinding, signal: AbortSignal): Promise<void> {
  const part = found.part !== null && found.part[1] <= MOST_PARTS ? found.part : null;
  const finding = { ...found, part };
  await log.append(
    (fold) => (saysSomethingNew(fold, finding) ? { type: "checked", compatible: true, ...finding } : null),
    signal,
  );
}

function saysSomethingNew(fold: Fold, { points, upTo, part, hurt }: CheckFinding): boolean {
  const isHurt = new Set<PointId>(hurt);
  const checked = points ?? [...fold.points.keys()];
  const states = checked.flatMap((id) => fold.points.get(id) ?? []).filter(({ seq }) => seq <= upTo);
  const readAll = part !== null && (points === null || part[1] === 1);
  return (readAll && states.length > 0) || states.some((state) => state.hurt !== isHurt.has(state.point));
}
