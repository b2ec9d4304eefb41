import { formatBytes } from "#cli/output/units.ts";
import { counted } from "#cli/shown/checked.ts";
import type { Departure } from "#ops/points/upcoming-departures.ts";
import type { PruneResult } from "#ops/prune/prune.ts";
import { SOFT_DELETE_DAYS } from "#policy/soft-delete.ts";

type Names = ReadonlyMap<string, string>;

/** So many of the points that a later prune would take are named, at the most. */
const SHOWN_DEPARTURES = 5;

/** What a prune did, or would do, for a person. @param names  of the points, those that are gone too */
export function pruneLines(
  machine: string,
  pruned: PruneResult,
  names: Names,
  upcoming: readonly Departure[],
  dryRun: boolean,
): string[] {
  const { deleted, purged, closed, swept, rewritten, leftBytes } = pruned;
  const would = dryRun ? "would be " : "";
  const isIdle = freedBytes(pruned) === 0 && swept.objects === 0 && rewritten.segments === 0;
  const lines = [
    isIdle
      ? `${machine}: nothing to free`
      : `${machine}: ${formatBytes(freedBytes(pruned))} (${freedBytes(pruned)} bytes) ${would}freed: ` +
        `${counted(swept.objects, "dead object")} ${would}removed, ${counted(rewritten.segments, "segment")} ${would}rewritten`,
  ];
  for (const { point, reason } of deleted) lines.push(`  ${would}deleted: ${names.get(point) ?? point}, ${reason}`);
  if (deleted.length > 0) lines.push(`  ${takesBack(machine, deleted, dryRun)}`);
  for (const { point, deletedAt } of purged) {
    lines.push(`  ${would}purged: ${names.get(point) ?? point}, deleted ${deletedAt}`);
  }
  if (closed !== null) lines.push(`  ${would}given up: a backup that gave no sign any more (${closed})`);
  if (leftBytes > 0) lines.push(`  ${formatBytes(leftBytes)} of dead objects stay: the store does not let them go`);
  for (const { ref, why } of pruned.leftAlone) lines.push(`  left alone: ${ref.kind} segment ${ref.segment}: ${why}`);
  for (const { name, what, on } of upcoming.slice(0, SHOWN_DEPARTURES)) {
    lines.push(
      what === "rule"
        ? `  to come: ${name} is expected to be deleted by the rule on ${on.toString()}`
        : `  to come: ${name} may be purged on ${on.toString()}`,
    );
  }
  if (upcoming.length > SHOWN_DEPARTURES)
    lines.push(`  to come: ${upcoming.length - SHOWN_DEPARTURES} more after these`);
  return lines;
}

/** For how long points that the rule let go can be had back, and how. */
function takesBack(machine: string, [first, another]: PruneResult["deleted"], dryRun: boolean): string {
  if (dryRun) return `each can be undeleted for ${SOFT_DELETE_DAYS} days then`;
  const which = another === undefined && first !== undefined ? first.point.slice(0, 12) : "POINT";
  return `for ${SOFT_DELETE_DAYS} days this takes it back: lockstep point undelete ${which} (lockstep point list ${machine} --deleted)`;
}

/** What a prune did as JSON shows it. docs/json.md, "lockstep prune" */
export function shownPrune(pruned: PruneResult, names: Names, upcoming: readonly Departure[]): object {
  const { swept, rewritten, summaries, leftBytes, closed } = pruned;
  const named = (point: string): { readonly id: string; readonly name: string } => ({
    id: point,
    name: names.get(point) ?? point,
  });
  return {
    freedBytes: freedBytes(pruned),
    deleted: pruned.deleted.map(({ point, capturedAt, reason }) => ({ ...named(point), capturedAt, reason })),
    purged: pruned.purged.map(({ point, capturedAt, deletedAt }) => ({ ...named(point), capturedAt, deletedAt })),
    closedSession: closed,
    swept,
    rewritten,
    summaries,
    leftBytes,
    leftAlone: pruned.leftAlone.map(({ ref, why }) => ({
      diskId: ref.disk,
      kind: ref.kind,
      segment: ref.segment,
      why,
    })),
    unreadableDisks: pruned.unreadable.map(({ disk, why }) => ({ diskId: disk, why })),
    unknownObjects: pruned.unknown,
    upcoming: upcoming.map(({ point, name, what, on }) => ({ id: point, name, what, on: on.toString() })),
  };
}

/** What the vault takes less. */
function freedBytes({ swept, rewritten }: PruneResult): number {
  return swept.bytes + rewritten.freedBytes;
}
