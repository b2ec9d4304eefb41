import { LockstepError } from "#errors/errors.ts";
import { purgeDueAt } from "#policy/soft-delete.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";

/** What became of a point. */
export type PointChange = {
  readonly point: PointState;
  /** False: it was so before. */
  readonly changed: boolean;
  /** In words. */
  readonly warnings: readonly string[];
};

/**
 * Deletes a point. Nothing of it goes yet: it can be undeleted until a prune purges it, 14 days from now at the earliest.
 * A person may delete any point, the only one too; the result then says what that means.
 *
 * @param reason  for the log, such as who asked for it; at most 1024 characters
 * @throws {LockstepError} POINT_GONE: it is purged or never was; and what `Log.append` throws
 */
export async function deletePoint(log: Log, point: PointId, reason: string, signal: AbortSignal): Promise<PointChange> {
  const appended = await log.append((fold) => {
    if (stateOf(fold, point).deleted !== null) return null;
    return { type: "deleted", point, by: "person", reason };
  }, signal);
  const fold = appended?.fold ?? log.fold;
  const state = stateOf(fold, point);
  return { point: state, changed: appended !== null, warnings: warningsOf(fold, state) };
}

/**
 * Takes the deletion of a point back.
 *
 * @throws {LockstepError} POINT_GONE: it is purged or never was; and what `Log.append` throws
 */
export async function undeletePoint(log: Log, point: PointId, signal: AbortSignal): Promise<PointChange> {
  const appended = await log.append((fold) => {
    const { deleted } = stateOf(fold, point);
    return deleted === null ? null : { type: "undeleted", point, deletion: deleted.seq };
  }, signal);
  return { point: stateOf(appended?.fold ?? log.fold, point), changed: appended !== null, warnings: [] };
}

function stateOf(fold: Fold, point: PointId): PointState {
  const state = fold.points.get(point);
  if (state !== undefined) return state;
  throw new LockstepError(
    "POINT_GONE",
    `Machine ${fold.machine.name} has no point ${point}: it was purged, or never was.`,
    {
      hint: "List the machine's points; a point that was deleted stays for 14 days.",
    },
  );
}

function warningsOf(fold: Fold, { seq, deleted }: PointState): string[] {
  const warnings: string[] = [];
  const live = [...fold.points.values()].filter((each) => each.deleted === null);
  if (live.length === 0) {
    const until =
      deleted === null
        ? ""
        : ` until ${purgeDueAt(Temporal.Instant.from(deleted.at)).toString({ smallestUnit: "minute" })}`;
    warnings.push(`machine ${fold.machine.name} has no point left; this one can be undeleted${until}`);
  } else if (live.every((each) => each.seq < seq)) {
    warnings.push(
      `this was the newest point of machine ${fold.machine.name}; the next backup compares with an older one`,
    );
  }
  return warnings;
}
