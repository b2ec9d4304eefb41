import type { ListedPoint } from "#ops/points/points.ts";

/** What is to become of a point as JSON shows it. docs/json.md, "A listed point" */
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
