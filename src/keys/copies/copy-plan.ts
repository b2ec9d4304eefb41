/** A copy of the current epoch that was read back in some place, as a plan sees it. */
export type ChainCopy = {
  readonly number: number;
  readonly kind: "full" | "increment";
  readonly writtenMs: number;
  readonly kit: string;
  /** The schema of its rows. */
  readonly schema: number;
  /** Ids of the places in which it was read back. */
  readonly places: ReadonlySet<string>;
};

/** What decides which copy is written next. */
export type CopyState = {
  readonly nowMs: number;
  /** The newest full copy and all increments after it, in their order; empty where there is none. */
  readonly chain: readonly ChainCopy[];
  /** Whether something changed since then that must be copied at once. */
  readonly changed: boolean;
  /** Whether anything else changed since: what vaults report anew. */
  readonly reported: boolean;
  /** Whether the audit log has entries that no copy has. */
  readonly audited: boolean;
  /** Whether a version was destroyed since the newest full copy. */
  readonly destroyed: boolean;
  /** The kit that copies are for now. */
  readonly kit: string;
  /** The schema that the database has now. */
  readonly schema: number;
  /** Ids of the places that can be written to. */
  readonly reachable: readonly string[];
};

export type CopyKind = "full" | "increment";

const DAY_MS = 24 * 60 * 60 * 1000;

/** So many increments may follow a full copy. */
export const INCREMENTS_LIMIT = 50;
/** So old may a full copy be before the next one is full. */
export const FULL_EVERY_MS = 30 * DAY_MS;
/** What vaults report anew is a reason for a copy after this time. */
export const REPORTED_EVERY_MS = DAY_MS / 24;
/** Entries of the audit log alone are a reason for a copy after this time. */
export const AUDIT_EVERY_MS = DAY_MS;

/**
 * Which copy to write now; null: none, each place has all.
 *
 * A full copy where there is none, for a new kit or schema, where a place lacks a part of the chain, and after a destruction, so that
 * what still holds the value can grow old and be deleted; and now and then.
 */
export function planCopy(state: CopyState): CopyKind | null {
  const { chain, nowMs, reachable } = state;
  const [full] = chain;
  const newest = chain.at(-1);
  if (full === undefined || newest === undefined) return "full";
  if (full.kit !== state.kit || full.schema !== state.schema || state.destroyed) return "full";
  if (chain.some(({ places }) => reachable.some((place) => !places.has(place)))) return "full";
  const ageMs = nowMs - newest.writtenMs;
  const isDue =
    state.changed || (state.reported && ageMs >= REPORTED_EVERY_MS) || (state.audited && ageMs >= AUDIT_EVERY_MS);
  if (!isDue) return null;
  return chain.length > INCREMENTS_LIMIT || nowMs - full.writtenMs >= FULL_EVERY_MS ? "full" : "increment";
}

/** For how long a copy stays that no newer one needs. */
export const COPY_TERM_MS = 90 * DAY_MS;

/** A copy in a place, as far as it matters for deleting it. */
export type PlacedCopy = {
  readonly epoch: number;
  readonly number: number;
  readonly kind: CopyKind | null;
  readonly writtenMs: number;
  readonly isVerified: boolean;
};

/**
 * Which copies of a place have served their term: those older than it that come before the newest full copy that was read back
 * there. That one and all after it stay, however old they are.
 *
 * @param copies  of one place, deleted ones not among them
 */
export function copiesPastTerm<Copy extends PlacedCopy>(copies: readonly Copy[], nowMs: number): readonly Copy[] {
  const fulls = copies.filter(({ kind, isVerified }) => kind === "full" && isVerified).toSorted(byAge);
  const newest = fulls.at(-1);
  if (newest === undefined) return [];
  return copies.filter((copy) => byAge(copy, newest) < 0 && nowMs - copy.writtenMs >= COPY_TERM_MS);
}

function byAge(a: PlacedCopy, b: PlacedCopy): number {
  return a.epoch - b.epoch || a.number - b.number;
}
