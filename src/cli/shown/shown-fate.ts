import { keepOf } from "#cli/shown/shown-machine.ts";
import type { ListedPoint } from "#ops/points/points.ts";
import type { Log } from "#vault/log/log.ts";

/** A point's fate as JSON shows it. docs/json.md, "A listed point" */
export function shownFate({ fate }: ListedPoint): object {
  if (fate.kind === "kept") {
    const expectedUntil = fate.until === "always" ? null : fate.until.toString();
    return { deleted: null, keptBecause: fate.reasons, expectedUntil };
  }
  const { by, reason, at, until } = fate;
  return {
    deleted: { at: at.toString(), by, reason, undeleteUntil: until.toString() },
    keptBecause: [],
    expectedUntil: null,
  };
}

/** What follows `web01@2026-11-23T14:05 is back`: what keeps the point, or that nothing does. */
export function stayWords({ fold }: Pick<Log, "fold">, { fate }: ListedPoint): string {
  if (fate.kind === "deleted") return ".";
  if (fate.reasons.length > 0) {
    const until = fate.until === "always" ? "" : `; it is expected to stay until ${fate.until.toString()}`;
    return `, kept as ${keptWords(fate.reasons)}${until}.`;
  }
  const { name } = fold.machine;
  return `, and the next prune deletes it again, since the keep rule ${keepOf(fold.machine)} has no place for it. To keep more: lockstep machine set ${name} --keep RULE`;
}

/** Why a point is kept, in few words: `newest, daily 1/7`. */
export function keptWords(reasons: readonly string[]): string {
  if (reasons.length === 0) return "no rule: goes with the next prune";
  return reasons
    .map((reason) =>
      reason
        .replace(/ \(.*\)$/, "")
        .replace(" of ", "/")
        .replace(/^the rule is empty.*/, "all"),
    )
    .join(", ");
}
