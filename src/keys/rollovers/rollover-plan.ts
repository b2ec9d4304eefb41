/** The last step of a rollover that is done; docs/rollover.md has the table. */
export type RolloverStep =
  /** The new version is in the store. */
  | "made"
  /** It is in a copy that is durable and was read back. */
  | "copied"
  /** The live header opens with the new version, which is bound to it, and with the old one. */
  | "tried"
  /** It opens with the new version, and not with the old one any more. */
  | "removed"
  /** It was given up: the volume opens with the old version as before. */
  | "abandoned";

/** Where a rollover stands. */
export type RolloverState = {
  readonly step: RolloverStep;
  /** The keyslot that the new version is meant for; null: not chosen yet, or the format numbers none. */
  readonly slot: number | null;
};

/** What a live header shows, tried with both versions just now. */
export type HeaderSeen = {
  /** The protectors that the new version opens. */
  readonly newOpens: readonly string[];
  /** The protectors that the old version opens. */
  readonly oldOpens: readonly string[];
  /** Keyslots that a protector can be added to, the lowest first; null where the format numbers none. */
  readonly freeSlots: readonly number[] | null;
};

/** What to do to the volume next. */
export type RolloverTask =
  | { readonly do: "add"; readonly slot: number | null }
  /** The version `by` was seen to open another protector just now. */
  | { readonly do: "remove"; readonly protector: string; readonly by: "new" | "old" }
  | { readonly do: "nothing" };

/** What follows; or why nothing can: neither version opens the volume, no keyslot is free, or the new one is its only way in. */
export type RolloverPlan =
  { readonly state: RolloverState; readonly task: RolloverTask } | "lost" | "full" | "only the new";

/** Forward: the new version takes the place of the old. Back: everything becomes as it was before. */
export type RolloverAim = "forward" | "back";

/**
 * What follows from what the live header shows. It goes by the header alone, and not by what was asked for before: so it is the same
 * after a crash at any place, after a step that was done twice, and after somebody else changed the header in between.
 *
 * A protector is removed only where a version that we hold opens another one, as was seen just now.
 *
 * @param state  copied at least: nothing is added to a volume that is not in a durable copy
 */
export function planRollover(state: RolloverState, seen: HeaderSeen, aim: RolloverAim): RolloverPlan {
  if (seen.newOpens.length === 0 && seen.oldOpens.length === 0) return "lost";
  return aim === "forward" ? planForward(state, seen) : planBack(state, seen);
}

function planForward({ slot }: RolloverState, { newOpens, oldOpens, freeSlots }: HeaderSeen): RolloverPlan {
  const [added, extra] = newOpens;
  if (added === undefined) {
    const aimed = freeSlots === null ? null : aimAt(slot, freeSlots);
    if (aimed === "full") return "full";
    return { state: { step: "copied", slot: aimed }, task: { do: "add", slot: aimed } };
  }
  const [old] = oldOpens;
  if (old !== undefined) return { state: { step: "tried", slot }, task: { do: "remove", protector: old, by: "new" } };
  // Added twice, by hand: one stays.
  if (extra !== undefined) {
    return { state: { step: "tried", slot }, task: { do: "remove", protector: extra, by: "new" } };
  }
  return { state: { step: "removed", slot }, task: { do: "nothing" } };
}

/** The keyslot that was chosen before, as long as it is free or the new version's; so no second one is filled. */
function aimAt(slot: number | null, free: readonly number[]): number | "full" {
  if (slot !== null && free.includes(slot)) return slot;
  return free[0] ?? "full";
}

function planBack({ step, slot }: RolloverState, { newOpens, oldOpens }: HeaderSeen): RolloverPlan {
  const [added] = newOpens;
  if (added === undefined) return { state: { step: "abandoned", slot }, task: { do: "nothing" } };
  if (oldOpens.length === 0) return "only the new";
  return { state: { step, slot }, task: { do: "remove", protector: added, by: "old" } };
}
